"""Experiments as values: what to run. No numpy, TensorFlow or Textual; the only files are those of the presets."""
