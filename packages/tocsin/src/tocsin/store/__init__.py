"""Where the truth is kept: the port, the store in memory that explains it, and SQLite."""
