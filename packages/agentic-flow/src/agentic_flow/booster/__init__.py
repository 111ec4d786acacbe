"""Agent Booster: applies an edit snippet to source code, exactly or not at all.

The editing core (`edit.apply` and what it calls) is pure: bytes in, bytes out. `service.py` puts it behind HTTP,
`module.py` keeps the WebAssembly guard that every operation passes through.
"""
