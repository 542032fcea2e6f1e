"""The draw screen: a run's model classifies what a person draws."""
