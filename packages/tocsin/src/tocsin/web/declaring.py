"""Opening an incident by a person's word, whichever way in they took."""

from msgspec.structs import replace

from tocsin.core.commands import Declare
from tocsin.core.ids import IncidentId
from tocsin.core.limits import CONFLICTS_MAX
from tocsin.store.port import Conflict
from tocsin.web.site import Site


async def opened(site: Site, command: Declare) -> IncidentId:
    """Declare an incident under the next free number. Raises `Refused`, or `Conflict` if none is free."""
    for _ in range(CONFLICTS_MAX):
        numbered = replace(command, incident=await site.engine.numbers.next())
        if await _declared(site, numbered):
            return numbered.incident
        site.engine.numbers.forget()  # Another node has given this number meanwhile.
    raise Conflict(f"no number was free in {CONFLICTS_MAX} attempts")


async def _declared(site: Site, command: Declare) -> bool:
    """Declare an incident, or answer that its number is taken."""
    try:
        return bool(await site.engine.handle(command.incident, command))
    except Conflict:
        return False
