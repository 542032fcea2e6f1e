"""Confusion matrices: how they are laid out, coloured and walked through."""
