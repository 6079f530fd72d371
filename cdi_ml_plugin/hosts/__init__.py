"""The only holders of a host's names and conventions."""
