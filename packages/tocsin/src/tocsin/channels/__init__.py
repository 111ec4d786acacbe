"""The ways out: each carries messages to addresses, one attempt at a time, and tells what became of it."""
