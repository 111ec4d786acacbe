"""A stand-in for the API of Kubernetes: as strict as the real one in what it takes, as real in what follows from it."""

from .cluster import Cluster, Program, User
from .server import serving_cluster

__all__ = ["Cluster", "Program", "User", "serving_cluster"]
