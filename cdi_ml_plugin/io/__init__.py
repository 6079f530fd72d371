"""Files of others and our own: frames, arrays, cohere, CXI, VTK."""
