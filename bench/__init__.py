"""What it can bear: figures that are measured, each beside a baseline of the same run."""
