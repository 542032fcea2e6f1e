"""Find, verify, download and read datasets, compute HOG features, split off validation data, and read pictures."""
