"""The first screen: the presets."""
