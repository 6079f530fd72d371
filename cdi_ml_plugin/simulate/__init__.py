"""Particles and scans that the package makes itself, with the truth known."""
