"""Contact methods at work: codes that are sent and confirmed, channels that fail, and who can be paged now."""

import asyncio
import hmac
from collections.abc import Mapping

from whenever import Instant

from tocsin.channels.port import Channel
from tocsin.core.commands import Reason, Refused
from tocsin.core.ids import ChannelName, PersonId
from tocsin.core.limits import DEAD_LETTERS_LOOKED_AT, GIVEN_UP_LATELY
from tocsin.core.readiness import Facts, Readiness, readiness
from tocsin.core.rules import Person
from tocsin.core.verification import Verification, asked, confirmed, key_of, method_named
from tocsin.engine.clock import Chance
from tocsin.engine.health import ChannelHealth
from tocsin.engine.links import Links
from tocsin.engine.playbooks import Playbooks
from tocsin.store.port import Change, Store


class Contacts:
    """Verifies contact methods, and tells who is ready."""

    def __init__(
        self,
        store: Store,
        playbooks: Playbooks,
        channels: Mapping[ChannelName, Channel],
        health: ChannelHealth,
        links: Links,
        chance: Chance,
    ) -> None:
        self._store = store
        self._playbooks = playbooks
        self._channels = channels
        self._health = health
        self._links = links
        self._chance = chance
        self._confirming = asyncio.Lock()

    def code(self, secret_of: str) -> str:
        """Answer the code of a verification: made anew whenever it is needed, and kept nowhere."""
        return self._links.code(secret_of)

    async def verify(self, person: PersonId, method: str, now: Instant) -> Verification:
        """Send a code by the real way; answer what it is for. Raises `Refused`."""
        known = self._person(person)
        chosen = method_named(known, method)
        before = (await self._known()).get(key_of(person, chosen))
        made, intent = asked(known, chosen, before, self._chance.nonce(), now)
        await self._store.commit(Change(verifications=(made,), intents=(intent,)))
        return made

    async def confirm(self, person: PersonId, code: str, now: Instant) -> Verification:
        """Take a code that a person says; answer what it confirms. Raises `Refused`, and keeps the try all the same."""
        self._person(person)
        async with self._confirming:  # Two at once must not be one try.
            known = [each for each in (await self._known()).values() if each.person == person]
            after, refused = confirmed(known, [each for each in known if self._is_code(each, code)], now)
            if after:
                await self._store.commit(Change(verifications=after))
        if refused is not None:
            raise refused
        return after[0]

    async def readiness(self, now: Instant) -> tuple[Readiness, ...]:
        """Answer of everybody whom the playbook knows whether they can be paged now."""
        facts = await self._facts(now)
        return tuple(readiness(person, facts) for person in self._playbooks.current.people.values())

    async def _facts(self, now: Instant) -> Facts:
        verified = {key: at for key, each in (await self._known()).items() if (at := each.verified_at) is not None}
        given_up: dict[str, Instant] = {}
        for entry in await self._store.given_up(DEAD_LETTERS_LOOKED_AT):
            person, last = entry.intent.person, entry.attempts[-1].at if entry.attempts else entry.intent.created_at
            if person is not None and now - last <= GIVEN_UP_LATELY:
                key = key_of(person, entry.intent.method)
                given_up[key] = max(last, given_up.get(key, last))
        return Facts(frozenset(self._channels), self._health.failing, verified, given_up)

    async def _known(self) -> dict[str, Verification]:
        return {each.key: each for each in await self._store.verifications()}

    def _person(self, person: PersonId) -> Person:
        known = self._playbooks.current.people.get(person)
        if known is None:
            names = ", ".join(sorted(self._playbooks.current.people))
            raise Refused(Reason.UNKNOWN_PERSON, f'there is no person "{person}"', f"choose one of {names}")
        return known

    def _is_code(self, verification: Verification, code: str) -> bool:
        return hmac.compare_digest(self.code(verification.secret_of).encode(), code.strip().encode())
