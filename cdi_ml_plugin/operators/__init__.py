"""The language of sequences, and its words: the algorithms."""
