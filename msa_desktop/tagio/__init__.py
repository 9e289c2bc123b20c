"""Tags <-> files: one drop-in module a family of formats, and the one place that writes."""
