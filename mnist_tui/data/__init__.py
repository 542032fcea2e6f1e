"""Datasets: finding, verifying, downloading and reading them, HOG features, validation splits, pictures of digits."""
