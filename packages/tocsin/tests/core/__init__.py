"""The core, by example and by property."""
