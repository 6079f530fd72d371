"""The window on data, results and running reconstructions."""
