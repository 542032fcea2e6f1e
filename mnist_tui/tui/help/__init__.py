"""What explains the app: help, the guide, the first-run tour."""
