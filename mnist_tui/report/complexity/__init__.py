"""The complexity of models: counts of one model by layer, the same in words, and several models compared."""
