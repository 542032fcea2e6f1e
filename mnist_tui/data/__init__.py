"""Datasets: finding, verifying, downloading and reading them, HOG features, validation splits.

Names, titles and checksums live in `catalogue`, which imports nothing heavy; arrays come from `datasets`.
"""
