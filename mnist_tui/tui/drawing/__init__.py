"""A digit drawn by hand: its strokes, what a network sees of them, which run reads them and what it answers."""
