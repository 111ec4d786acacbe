"""The targets, and what they share."""
