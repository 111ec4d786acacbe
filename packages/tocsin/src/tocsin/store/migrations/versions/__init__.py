"""One file a revision. A released one is never edited: databases out there have run it."""
