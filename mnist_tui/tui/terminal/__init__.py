"""The terminal in which the app runs: its title, its speed, its clipboard, its keys."""
