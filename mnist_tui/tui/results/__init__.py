"""The screens about what a run achieved: its results and its diagnosis."""
