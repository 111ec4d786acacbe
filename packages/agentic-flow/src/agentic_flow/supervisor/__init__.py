"""A small supervisor: runs the services as processes and offers a cluster's verbs on one machine.

get, logs, restart, undo, scale, set env, set resources, deploy. Every change to what runs is a revision; the service's
port is shared by all its replicas, and each replica has a port of its own besides, to be asked and scraped alone.
"""
