"""Benchmarks: speed, and how often chains solve crystals."""
