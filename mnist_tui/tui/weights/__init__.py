"""The screen with a run's weights and biases."""
