"""The screen with a run's confusion matrix in full."""
