"""Numbers on the device: the state of a chain, projections, noise, figures of merit."""
