"""Runs: their folders, events and states, and starting, watching, commanding and deleting them. No TensorFlow."""
