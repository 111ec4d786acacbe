"""The steps that keep the truth moving: intake, reconciler, dispatcher, watcher.

Each has a ``step(now)`` that does a bounded batch and answers when it wants to be called next; None means "when
something happens". Only `tocsin.engine.serve` sleeps, so the simulation can drive the very same code in virtual time.
"""
