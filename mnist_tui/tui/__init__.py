"""What is seen: the Textual app. Starts workers as processes and never imports TensorFlow."""
