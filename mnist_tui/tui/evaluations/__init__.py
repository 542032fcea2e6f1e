"""The dialogs that make runs without a training: an evaluation on other data, and an import."""
