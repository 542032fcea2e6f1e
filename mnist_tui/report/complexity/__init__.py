"""A model's complexity, told: its breakdown, in words, and several models side by side."""
