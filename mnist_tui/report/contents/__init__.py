"""The contents of a report, as values and plain text from the folders of runs, for the templates."""
