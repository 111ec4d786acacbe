"""Pages for people, rendered on the server; they work on a phone and without scripts."""
