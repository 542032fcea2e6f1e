"""The form that asks for a sweep, and the study that it describes."""
