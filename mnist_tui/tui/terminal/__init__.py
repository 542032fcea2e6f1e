"""The terminal that the app lives in: its title, its pace, its clipboard, the keys."""
