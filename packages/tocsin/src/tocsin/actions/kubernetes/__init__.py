"""Workloads of a Kubernetes cluster, through its published API: plain HTTP, and WebSocket for exec."""
