"""What a report says, gathered from what the runs left. Values and plain text; the layout is in the templates."""
