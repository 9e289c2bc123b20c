"""One file to its features, in supervised worker processes."""
