"""How the watched system is asked how it is doing."""
