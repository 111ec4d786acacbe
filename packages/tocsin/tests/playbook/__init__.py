"""The playbook: its data, its loader, its lint and its rule file."""
