"""Images of digits in characters: alone, in a grid, under a pen."""
