"""What several screens could show: each widget takes a frozen value and draws it."""
