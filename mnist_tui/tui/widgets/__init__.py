"""Widgets that several screens show: each takes a frozen value and draws it."""
