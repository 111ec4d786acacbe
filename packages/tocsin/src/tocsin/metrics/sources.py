"""Several sources of figures, asked as one: a component may be measured in another Prometheus than the rest."""

from collections.abc import Mapping

from whenever import Instant, TimeDelta

from tocsin.metrics.port import Figure, History, Measurements

REMEDY = "name it in TOCSIN_PROMETHEUS_SOURCES"


class Sources:
    """Asks the source that an objective names; the one without a name answers for whatever names none."""

    def __init__(self, unnamed: Measurements | None, named: Mapping[str, Measurements]) -> None:
        self._unnamed = unnamed
        self._named = named

    async def ask(self, query: str, source: str = "", at: Instant | None = None) -> Figure:
        """Answer one number, now or as it was. A source that is not there has no data, and says why."""
        asked = self._asked(source)
        return await asked.ask(query, "", at) if asked else Figure(None, _missing(source))

    async def history(self, query: str, since: Instant, until: Instant, every: TimeDelta, source: str = "") -> History:
        """Answer how it went between two instants."""
        asked = self._asked(source)
        return await asked.history(query, since, until, every) if asked else History(why=_missing(source))

    def _asked(self, source: str) -> Measurements | None:
        return self._named.get(source) if source else self._unnamed

    async def probe(self, url: str) -> Figure:
        """Answer how a health endpoint is; it does not matter who asks it."""
        asked = self._unnamed or next(iter(self._named.values()), None)
        return await asked.probe(url) if asked else Figure(None, "nothing is set up to ask health endpoints")

    async def close(self) -> None:
        """Give back connections."""
        for each in (self._unnamed, *self._named.values()):
            if each is not None:
                await each.close()


def _missing(source: str) -> str:
    return f'there is no source "{source}" here; {REMEDY}' if source else "no Prometheus is set up"
