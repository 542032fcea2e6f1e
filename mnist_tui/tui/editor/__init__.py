"""The editor: a working copy of an experiment (free of Textual), and the screen that edits it."""
