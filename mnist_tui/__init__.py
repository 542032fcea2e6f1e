"""mnist-tui: a terminal lab bench for MNIST-class neural networks."""

__version__ = "0.2.0"
PROGRAM = "mnist-tui"
"""The name of the command, and of the user's folders for settings, data and logs."""
