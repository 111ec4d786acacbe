"""The pure heart: what an incident is, what is due in it, and what follows from an act.

Nothing in here reads a clock, draws a random number, does I/O or logs. Time comes in as ``now``, everything else a
decision may depend on comes in as a value (`tocsin.core.commands.Situation`), and what follows goes out as events.
"""
