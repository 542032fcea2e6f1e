"""mnist-tui: a terminal lab bench for MNIST-class neural networks."""

__version__ = "0.2.0"
PROGRAM = "mnist-tui"
"""The command's name, which folders of its own bear, too."""
