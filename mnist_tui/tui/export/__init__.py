"""The export dialog: the choice of what is exported from runs, and the writing in a thread."""
