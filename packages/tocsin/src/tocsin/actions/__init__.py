"""What carries approved actions and diagnostics out: one target a file, all behind `tocsin.actions.port`."""
