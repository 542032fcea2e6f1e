"""The screens that explain the app: help, the guide, the first-run tour."""
