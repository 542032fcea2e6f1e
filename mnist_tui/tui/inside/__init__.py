"""The screen that looks inside a run's network for one image."""
