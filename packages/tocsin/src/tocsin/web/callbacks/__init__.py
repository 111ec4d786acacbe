"""The ways in for providers: signed by them, checked before anything is read, answered as soon as it is kept."""
