"""Chains compared over many seeds."""
