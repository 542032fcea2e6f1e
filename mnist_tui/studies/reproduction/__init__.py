"""Compare the figures that sources published with the results of our own runs of the same experiments."""
