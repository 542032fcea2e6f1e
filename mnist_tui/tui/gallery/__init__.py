"""The screen with the images behind a confusion matrix, and the predictions that it shows."""
