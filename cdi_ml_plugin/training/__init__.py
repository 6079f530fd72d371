"""Supervised training of the networks on simulated particles."""
