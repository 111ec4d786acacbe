"""Where the cluster is and who we are to it: a kubeconfig, or the service account of the pod that we run in.

Read anew for each action, so a rotated token or a plug-in that gives out short ones needs no restart. Keys that
stand in the kubeconfig itself touch the disk only for the moment in which OpenSSL reads them.
"""

import asyncio
import base64
import contextlib
import json
import os
import signal
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import yaml

from tocsin.actions.port import Cause, Unreachable

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
CONFIG_MAX: Final = 4 * 1024 * 1024
"""Bytes of a kubeconfig; one of a hundred clusters has some hundred kilobytes."""

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")

PLUGIN_WITHIN_S: Final = 30.0
"""Seconds for a credential plug-in, which may ask a cloud."""


class Access(msgspec.Struct, frozen=True):
    """The cluster's address, how it is known to be the right one, and our credentials."""

    server: str
    tls: ssl.SSLContext | None = None
    token: str = ""
    server_name: str = ""
    """The name in the cluster's certificate, where it is another than the address's."""
    called: str = "the cluster"


async def access(
    kubeconfig: str = "", context: str = "", environ: Mapping[str, str] | None = None, account: Path = ACCOUNT
) -> Access:
    """Find the way to the cluster. Raises `Unreachable`."""
    environ = os.environ if environ is None else environ
    try:
        if not kubeconfig and environ.get("KUBERNETES_SERVICE_HOST") and (account / "token").exists():
            return await asyncio.to_thread(_in_pod, environ, account)
        document = await asyncio.to_thread(_documents, kubeconfig or environ.get("KUBECONFIG", "~/.kube/config"))
        name, cluster, user = _chosen(document, context)
        if "exec" in user:
            user = {**user, **await _plugin(user["exec"], environ)}
        return await asyncio.to_thread(_by_config, name, cluster, user)
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        why = f"the way to the cluster cannot be read: {type(error).__name__}: {str(error)[:200]}"
        raise Unreachable(Cause.ABSENT, why, "check the kubeconfig with: kubectl config view") from None


def _in_pod(environ: Mapping[str, str], account: Path) -> Access:
    host, port = environ["KUBERNETES_SERVICE_HOST"], environ.get("KUBERNETES_SERVICE_PORT", "443")
    tls = ssl.create_default_context(cafile=str(account / "ca.crt"))
    token = (account / "token").read_text(encoding="utf8").strip()
    return Access(
        f"https://{f'[{host}]' if ':' in host else host}:{port}", tls, token, called="the cluster of this pod"
    )


def _documents(paths: str) -> dict[str, Any]:
    """Read one or several kubeconfigs into one, the first that says something being right, as kubectl does."""
    whole: dict[str, Any] = {"clusters": [], "users": [], "contexts": []}
    found = [path for name in paths.split(os.pathsep) if name and (path := Path(name).expanduser()).exists()]
    if not found:
        raise Unreachable(
            Cause.ABSENT, f"there is no kubeconfig at {paths}", "set TOCSIN_KUBECONFIG, or run Tocsin in the cluster"
        )
    for path in found:
        with path.open("rb") as file:
            document = yaml.safe_load(file.read(CONFIG_MAX)) or {}
        for part in ("clusters", "users", "contexts"):
            entries = document.get(part) or []
            whole[part] += [{**entry, "folder": path.parent} for entry in entries]
        whole.setdefault("current-context", document.get("current-context") or None)
        if whole["current-context"] is None:
            del whole["current-context"]
    return whole


def _chosen(document: dict[str, Any], context: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    name = context or document.get("current-context", "")
    known = ", ".join(sorted(entry["name"] for entry in document["contexts"])) or "none"
    if not name:
        raise Unreachable(Cause.ABSENT, "the kubeconfig has no current context", f"TOCSIN_KUBE_CONTEXT: one of {known}")
    chosen = _entry(document, "contexts", name, known)["context"]
    cluster = _entry(document, "clusters", chosen["cluster"], "another")
    user = _entry(document, "users", chosen["user"], "another") if chosen.get("user") else {"user": {}, "folder": None}
    return (
        name,
        {**(cluster.get("cluster") or {}), "folder": cluster["folder"]},
        {**(user.get("user") or {}), "folder": user["folder"]},
    )


def _entry(document: dict[str, Any], part: str, name: str, known: str) -> dict[str, Any]:
    for entry in document[part]:
        if entry["name"] == name:
            found: dict[str, Any] = entry
            return found
    raise Unreachable(
        Cause.ABSENT, f'the kubeconfig has no {part[:-1]} "{name[:80]}"', f"name one that is there: {known}"
    )


def _by_config(name: str, cluster: dict[str, Any], user: dict[str, Any]) -> Access:
    server = str(cluster["server"]).rstrip("/")
    token = user.get("token") or ""
    if user.get("tokenFile"):
        token = _path(user, "tokenFile").read_text(encoding="utf8").strip()
    tls = _tls(cluster, user) if server.startswith("https://") else None
    if tls is None and token and urlsplit(server).hostname not in _LOOPBACK:
        why = f"{server} is not encrypted, and our token would be read on the way"
        raise Unreachable(Cause.UNAUTHORISED, why, "write the cluster's address with https://")
    return Access(server, tls, str(token), str(cluster.get("tls-server-name") or ""), f"the cluster of context {name}")


def _tls(cluster: dict[str, Any], user: dict[str, Any]) -> ssl.SSLContext:
    authority = _given(cluster, "certificate-authority")
    tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    certificate, key = _given(user, "client-certificate"), _given(user, "client-key")
    if certificate and key:
        with tempfile.TemporaryDirectory() as folder:  # For its owner alone, and gone in a moment.
            pair = Path(folder) / "pair"
            pair.write_bytes(certificate.rstrip() + b"\n" + key)
            tls.load_cert_chain(pair)
    return tls


def _given(entry: dict[str, Any], what: str) -> bytes | None:
    """Answer a certificate or key that stands in the kubeconfig or in a file that it names."""
    if entry.get(f"{what}-data"):
        data = str(entry[f"{what}-data"])
        return data.encode() if data.startswith("-----") else base64.b64decode(data, validate=True)
    return _path(entry, what).read_bytes() if entry.get(what) else None


def _path(entry: dict[str, Any], what: str) -> Path:
    return Path(entry["folder"] or ".") / Path(str(entry[what])).expanduser()


async def _plugin(asked: dict[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Ask a credential plug-in, as ``client.authentication.k8s.io`` describes."""
    command = str(asked["command"])
    info = {"apiVersion": asked["apiVersion"], "kind": "ExecCredential", "spec": {"interactive": False}}
    extra = {str(one["name"]): str(one["value"]) for one in asked.get("env") or []}
    try:
        process = await asyncio.create_subprocess_exec(
            command,
            *(str(word) for word in asked.get("args") or []),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**environ, **extra, "KUBERNETES_EXEC_INFO": json.dumps(info)},
            start_new_session=True,
        )
    except OSError as error:
        why = f"the credential plug-in {command[:80]} cannot be run: {error.strerror}"
        raise Unreachable(Cause.ABSENT, why, "install it, or give Tocsin a token") from None
    try:
        async with asyncio.timeout(PLUGIN_WITHIN_S):
            said, _ = await process.communicate()
        status = json.loads(said)["status"]
    except (TimeoutError, ValueError, KeyError, TypeError):
        why = f"the credential plug-in {command[:80]} gave no credentials"
        raise Unreachable(Cause.UNAUTHORISED, why, "run it by hand and look at what it says") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    names = {
        "token": "token",
        "clientCertificateData": "client-certificate-data",
        "clientKeyData": "client-key-data",
    }
    return {ours: status[theirs] for theirs, ours in names.items() if status.get(theirs)}
