"""What to run: experiments as pure values. No TensorFlow, no Textual, no files but presets."""
