"""Taking a track apart into its parts: voice, drums, bass and the rest, with Demucs."""
