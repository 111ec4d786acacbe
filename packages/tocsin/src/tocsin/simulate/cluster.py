"""What the simulated runner acts on: workloads in memory, and somebody who counts what was really done to them.

That an action helps, or not, is drawn like everything else. What is done here cannot be undone by a crash: the world is
not the disk, and the laws ask whether it was done once and by right.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from whenever import Instant

from tocsin.actions.memory import MemoryTarget, State, Workload
from tocsin.actions.port import Captured, Result
from tocsin.core.actions import Rendered, TargetKind
from tocsin.core.events import AnyEvent, MitigationStarted
from tocsin.core.ids import ComponentId
from tocsin.core.rules import Rulebook

Happened = Callable[[ComponentId], None]


class Cluster(MemoryTarget):
    """Every workload that the playbook's actions speak of, two revisions each."""

    def __init__(self, rules: Rulebook, starts_at: Instant, changed: Happened) -> None:
        names = {action.workload for action in rules.actions.values() if action.workload}
        super().__init__({name: _workload(starts_at) for name in sorted(names)})
        self._changed = changed
        self.done: Counter[str] = Counter()
        """How often each exact thing was done."""
        self.begun: Counter[str] = Counter()
        """How often each was begun, as far as the disk knows."""

    def kept(self, events: Iterable[AnyEvent], rendered: Mapping[str, Rendered]) -> None:
        """Take note of what the disk knows to be begun."""
        for event in events:
            if isinstance(event, MitigationStarted):
                self.begun[rendered[event.run].digest] += 1

    async def run(self, action: Rendered, before: Captured) -> Result:
        """Do it, whatever becomes of whoever asked."""
        self.done[action.digest] += 1
        result = await super().run(action, before)
        if action.changes and action.component is not None:
            self._changed(action.component)
        return result

    def unlawful(self) -> Iterator[str]:
        """Nothing is done that was not durably begun, and nothing more often than it was begun (M4)."""
        for digest, times in self.done.items():
            if times > self.begun[digest]:
                yield f"something was done {times} times that was begun {self.begun[digest]} times"


def everywhere(cluster: Cluster) -> Mapping[TargetKind, Cluster]:
    """Answer the same cluster for every kind of target."""
    return dict.fromkeys(TargetKind, cluster)


def _workload(starts_at: Instant) -> Workload:
    old, new = starts_at.subtract(hours=48), starts_at.subtract(hours=1)
    return Workload(history={1: State("service:1.0", at=old), 2: State("service:1.1", at=new)})
