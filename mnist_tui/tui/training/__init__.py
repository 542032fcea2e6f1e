"""The training screen: one run as it happens."""
