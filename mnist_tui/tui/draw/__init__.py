"""The draw screen: a run's model reads what a person draws."""
