"""Alerts as Alertmanager tells them."""

from whenever import Instant


def alert(
    rule: str = "agent-booster.down",
    *,
    instance: str = "0",
    status: str = "firing",
    since: Instant | None = None,
    until: Instant | None = None,
    **labels: str,
) -> dict[str, object]:
    component = rule.split(".", maxsplit=1)[0]
    named = {"alertname": rule, "tocsin_rule": rule, "component": component, "instance": instance, **labels}
    told: dict[str, object] = {"status": status, "labels": named, "fingerprint": f"{rule}/{instance}"}
    if since is not None:
        told["startsAt"] = since.format_iso()
    if until is not None:
        told["endsAt"] = until.format_iso()
    return told
