"""The watchdog: a small process of its own that pages when Tocsin itself does not do its work.

It shares nothing with the server but the code of the channels: it has its own database, settings and people to page.
It asks the server how it is (`probe`), judges the answer (`judge`), remembers what it has said (`memory`), and says it
again until somebody answers or all is well (`run`).
"""
