"""Many runs at once: summaries and their cache, filters, and groups of seeds."""
