"""The command line, cdi-ml."""
