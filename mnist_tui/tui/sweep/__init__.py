"""The form of a sweep: its screen, and what it asks for."""
