"""Experiments as values: what to run. No numpy, TensorFlow or Textual; only `presets` reads and writes files."""
