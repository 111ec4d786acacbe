"""What all six services share: the HTTP surface, metrics, faults, settings, start and stop."""
