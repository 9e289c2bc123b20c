"""Folders to file stamps: walking them, and hearing of changes."""
