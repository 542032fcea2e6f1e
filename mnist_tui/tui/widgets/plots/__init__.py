"""Curves and points on a grid of characters: series, axes, legends, zoom."""
