"""The ways in: each reads what one kind of sender sends."""
