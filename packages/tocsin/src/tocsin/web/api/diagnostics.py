"""What the diagnostics of an incident said, and their outputs (M2, D3)."""

import msgspec
from litestar import Response, get
from litestar.enums import MediaType
from litestar.params import FromPath

from tocsin.core.ids import Digest, IncidentId
from tocsin.engine.queries import Findings
from tocsin.web.api.incidents import found
from tocsin.web.auth import Role
from tocsin.web.problems import Declined, Fault
from tocsin.web.site import TheSite, says


class Diagnostics(msgspec.Struct, frozen=True):
    """All runs of an incident's diagnostics, the newest first."""

    runs: tuple[Findings, ...]


@get("/{incident:str}/diagnostics", opt=says(Role.VIEWER))
async def diagnostics(site: TheSite, incident: FromPath[str]) -> Diagnostics:
    """Answer what the diagnostics said and what they came to; outputs are found by their digests."""
    return Diagnostics(found(await site.queries.findings(IncidentId(incident)), incident))


@get("/attachments/{digest:str}", opt=says(Role.RESPONDER, answers=str, media_type="text/plain"))
async def attachment(site: TheSite, digest: FromPath[str]) -> Response[bytes]:
    """Answer an output as it was kept: bounded, and without secrets."""
    kept = await site.engine.store.attachment(Digest(digest))
    if kept is None:
        raise Declined(
            404,
            Fault.NOT_FOUND,
            f'there is no attachment "{digest[:80]}"',
            "the newest are kept; what an older one came to stands in its timeline",
        )
    # Whatever a program has said, no browser may take it for more than text.
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
    return Response(kept.body, media_type=MediaType.TEXT, headers=headers)
