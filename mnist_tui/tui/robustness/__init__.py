"""The screen of runs' accuracy on corrupted test images."""
