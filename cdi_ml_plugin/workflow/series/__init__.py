"""Many scans by one recipe: which they are, what a worker does with one, who does it, and what they say together."""
