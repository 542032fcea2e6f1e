"""Plots made of characters: curves over epochs, points, and lines of trials.

To add a plot, write one file here with a subclass of `plot.Plot`: its `show` takes frozen values, and its `lines`
returns what is drawn, with the help of `axes` (ticks, and places of points) and `raster` (strokes to characters).
Nothing else has to know about it but the screen that shows it.
"""
