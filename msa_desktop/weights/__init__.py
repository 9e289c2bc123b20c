"""The models: which there are, how they get here, and what is here."""
