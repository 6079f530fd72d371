"""Results as CXI files: writer and reader."""
