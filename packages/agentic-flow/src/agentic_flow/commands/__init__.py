"""The commands of `agentic-flow`, one file per subject."""
