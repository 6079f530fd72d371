"""A chain becomes a plan, a plan a result."""
