"""What is taken home from runs: what can be chosen, what was, and its writing in a thread. No widgets."""

EXPORTS = "export"
"""The group of the workers that write exports."""
