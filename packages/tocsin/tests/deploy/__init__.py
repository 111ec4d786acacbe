"""The files that put Tocsin into a cluster."""
