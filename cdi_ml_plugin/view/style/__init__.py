"""Colours, curves, slices and volumes that all pictures share."""
