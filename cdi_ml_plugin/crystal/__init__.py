"""What the object says in nm: the crystal in the laboratory."""
