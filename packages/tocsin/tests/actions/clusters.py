"""Ways to a stand-in cluster."""

from pathlib import Path
from typing import Any

import yaml


def kubeconfig(folder: Path, server: str, user: dict[str, Any] | None = None, **cluster: Any) -> str:
    """Write a kubeconfig with two contexts, of which the current one leads to the cluster."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [
            {"name": "standin", "cluster": {"server": server, **cluster}},
            {"name": "elsewhere", "cluster": {"server": "http://127.0.0.1:9"}},
        ],
        "users": [{"name": "tocsin", "user": user if user is not None else {"token": "token-of-tocsin"}}],
        "contexts": [
            {"name": "here", "context": {"cluster": "standin", "user": "tocsin"}},
            {"name": "there", "context": {"cluster": "elsewhere", "user": "tocsin"}},
        ],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(document))
    return str(path)
