"""Surfaces drawn by VTK."""
