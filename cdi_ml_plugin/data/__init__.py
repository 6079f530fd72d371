"""A pattern, what prepares it, and the result of phasing it."""
