"""The sections about the watched system: components, their objectives and thresholds, and what signals mean."""

from typing import Annotated

import msgspec
from msgspec import Meta
from whenever import TimeDelta

from tocsin.core.rules import Comparison
from tocsin.playbook.base import Clause, Doc, Key, Line, Share


class BudgetDoc(Doc, frozen=True, kw_only=True):
    """The error budget: the share of operations that must succeed, and the two rates it is measured by."""

    target: Annotated[float, Meta(gt=0, lt=1)]
    failed: Line
    """PromQL of the rate of failed operations over ``$window``."""
    total: Line
    """PromQL of the rate of all operations over ``$window``."""
    clause: Clause


class ObjectiveDoc(Doc, frozen=True, kw_only=True):
    """A service objective, either by ``query`` or by ``latency_of`` a histogram at a ``quantile``."""

    id: Key
    title: Line
    query: Line | None = None
    """PromQL of the indicator; ``$window`` stands for the rate window."""
    latency_of: Key | None = None
    """A histogram's name without ``_bucket``. Its edges must include the bound."""
    quantile: Annotated[float, Meta(gt=0, lt=1)] = 0.95
    holds: Comparison
    bound: float
    unit: str = ""
    verify: bool = True
    """Whether recovery is proven by it (V1). What only a load test can show is stated, not verified."""
    warns: bool = True
    """Whether using up part of the limit is a warning of its own (C4)."""
    window: TimeDelta | None = None
    source: str = ""
    """Which Prometheus is asked, by the name that it has in the settings; empty: the component's."""
    clause: Clause


class ThresholdDoc(Doc, frozen=True, kw_only=True):
    """This measurement means this severity. By ``query``, or by ``latency_of`` a histogram at a ``quantile``."""

    id: Key
    title: Line
    severity: Key
    query: Line | None = None
    latency_of: Key | None = None
    quantile: Annotated[float, Meta(gt=0, lt=1)] = 0.95
    is_breached: Comparison
    bound: float
    unit: str = ""
    lasts: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta.ZERO)
    window: TimeDelta | None = None
    clause: Clause


class ReleaseDoc(Doc, frozen=True, kw_only=True):
    """How the release in use is measured: series that bear it in a label."""

    query: Line
    label: Key = "version"
    clause: Clause = "local"


class ComponentDoc(Doc, frozen=True, kw_only=True):
    """``components/NAME.yaml``: a part of the watched system, how it is measured and who owns it."""

    id: Key
    name: Line
    clause: Clause
    job: str = ""
    scrape_every: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(seconds=15))
    window: TimeDelta = msgspec.field(default_factory=lambda: TimeDelta(minutes=5))
    """What ``$window`` stands for where a row says nothing else. At least four scrapes long."""
    namespace: str = ""
    workloads: tuple[str, ...] = ()
    """What runs it, as ``kubectl`` names it: ``deployment/agent-booster``."""
    team: str = ""
    owner: Key | None = None
    """The rotation of its owners."""
    health_url: str = ""
    dashboard_url: str = ""
    runbook_url: str = ""
    release: ReleaseDoc | None = None
    source: str = ""
    """Which Prometheus knows it, by the name that it has in the settings; empty: the one without a name."""
    errors: Line | None = None
    """PromQL of the rate at which it logs errors, over ``$window``: no spike of it while recovery is proven (V2)."""
    budget: BudgetDoc | None = None
    objectives: tuple[ObjectiveDoc, ...] = ()
    thresholds: tuple[ThresholdDoc, ...] = ()


class SignalDoc(Doc, frozen=True, kw_only=True):
    """A kind of alert made for every component."""

    severity: Key
    lasts: TimeDelta
    clause: Clause


class WarningDoc(Doc, frozen=True, kw_only=True):
    """The warning before an objective is missed: so much of its limit is used up."""

    severity: Key
    at: Annotated[float, Meta(gt=0, lt=1)]
    lasts: TimeDelta
    clause: Clause


class RegionDoc(Doc, frozen=True, kw_only=True):
    """One region alone is slow, by this label of the histograms."""

    severity: Key
    label: Key
    lasts: TimeDelta
    clause: Clause


class BurnDoc(Doc, frozen=True, kw_only=True):
    """An error budget burns this many times too fast, over a long window and still over a short one."""

    id: Key
    title: Line
    rate: Annotated[float, Meta(gt=0)]
    long: TimeDelta
    short: TimeDelta
    severity: Key
    clause: Clause


class LabelDoc(Doc, frozen=True, kw_only=True):
    """How alerts of others are classified by their labels; a value may end in ``*``."""

    id: Key
    when: Annotated[dict[str, str], Meta(min_length=1)]
    severity: Key
    clause: Clause


class ReportDoc(Doc, frozen=True, kw_only=True):
    """How a person's report is classified: the first row whose every condition the answers meet."""

    id: Key
    severity: Key
    all_users: bool | None = None
    data_lost: bool | None = None
    share_above: Share | None = None
    share_at_least: Share | None = None
    clause: Clause


class ClassificationDoc(Doc, frozen=True, kw_only=True):
    """``classification.yaml``: which signal means which severity."""

    fallback: Key
    monitoring_gap: SignalDoc
    unreachable: SignalDoc | None = None
    warning: WarningDoc | None = None
    one_region: RegionDoc | None = None
    burn_rates: tuple[BurnDoc, ...] = ()
    labels: tuple[LabelDoc, ...] = ()
    reports: tuple[ReportDoc, ...] = ()


class HeartbeatDoc(Doc, frozen=True, kw_only=True):
    """A signal whose absence is the alert."""

    within: TimeDelta
    severity: Key
    component: Key | None = None
    alertname: str = ""
    clause: Clause


class HeartbeatsDoc(Doc, frozen=True, kw_only=True):
    """``heartbeats.yaml``."""

    heartbeats: dict[Key, HeartbeatDoc] = msgspec.field(default_factory=dict)
