"""The contents of a report, gathered from what the runs left: values and plain text. Templates lay them out."""
