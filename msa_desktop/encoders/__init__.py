"""Sound to vector and labels: one drop-in file an encoder."""
