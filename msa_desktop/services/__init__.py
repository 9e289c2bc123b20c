"""What the program does: library, search, tagging."""
