"""The Textual app. It starts workers as processes and never imports TensorFlow."""
