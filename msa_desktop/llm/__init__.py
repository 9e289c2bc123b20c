"""Evidence -> tags and words: rules first, models later."""
