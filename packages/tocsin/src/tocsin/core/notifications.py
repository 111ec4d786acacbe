"""What is said to whom because something happened: events in, intents out.

An intent is written in the same transaction as the event that caused it. Its id is made of the event's place in the
timeline, so the same event can never ask for two different deliveries.
"""
