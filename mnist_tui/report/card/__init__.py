"""The card beside exported weights, and the code on it that loads them and predicts."""
