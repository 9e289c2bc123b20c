"""Music Semantic Analyzer Desktop: listens to a person's own music library."""

__version__ = "0.1.0"
