"""Many runs at once: summaries and their cache, filters, groups of seeds, names and notes."""
