"""Plots made of characters: curves over epochs, points, and lines of trials.

A plot is a subclass of `plot.Plot` in a file here: its `show` takes frozen values, and its `lines` returns the drawn
lines, with the help of `axes` and `raster`. Only the screen that shows the plot must know it.
"""
