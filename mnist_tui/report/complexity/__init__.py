"""The complexity of models: the counts of one model by layer, as tables and in words; several models compared."""
