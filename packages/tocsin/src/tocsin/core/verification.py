"""Is a contact method really the person's? A code is sent there by the real way, and comes back from the person.

What is verified is a method at an address: whoever changes the number must show that they hold the new one. The code
is never kept. It is made from what is kept and from the server's secret whenever it is needed.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec.structs import replace
from whenever import Instant

from tocsin.core.commands import Reason, Refused
from tocsin.core.contact import MethodKind
from tocsin.core.ids import ChannelName, IncidentId, IntentId, PersonId, Severity
from tocsin.core.limits import CODE_AGAIN_AFTER, CODE_LIVES_FOR, CODE_TRIES_MAX
from tocsin.core.messages import RANKS, Intent, Message, MessageKind
from tocsin.core.rules import Method, Person

CODE: Final = "{code}"
"""Stands in a message where the dispatcher puts the code."""

_ASK_AGAIN: Final = "ask for a new one: tocsin contact verify PERSON METHOD"

NO_TIMELINE: Final = IncidentId("")
"""What a message belongs to that belongs to no timeline."""


class Verification(msgspec.Struct, frozen=True):
    """What is known of one person's method at one address."""

    person: PersonId
    kind: MethodKind
    channel: ChannelName
    address: str
    nonce: str
    """Makes each code another one."""
    asked_at: Instant
    tries: int = 0
    """Wrong codes since it was asked for."""
    verified_at: Instant | None = None

    @property
    def key(self) -> str:
        """Name the method at this address."""
        return key_of(self.person, Method(self.kind, self.channel, self.address))

    @property
    def secret_of(self) -> str:
        """Answer what the code is made of, beside the server's secret."""
        return f"{self.key}|{self.nonce}"

    @property
    def intent(self) -> IntentId:
        """Name the message that carries the code."""
        return IntentId(f"verify.{self.nonce}")

    def waits(self, now: Instant) -> bool:
        """Tell whether a code that was sent still counts."""
        return self.verified_at is None and self.tries < CODE_TRIES_MAX and now < self.asked_at + CODE_LIVES_FOR


def key_of(person: PersonId, method: Method) -> str:
    """Name a person's method at its address."""
    return f"{person}|{method.kind.value}|{method.channel}|{method.address}"


def method_named(person: Person, name: str) -> Method:
    """Find a person's method by its kind, or by ``kind:address`` where there are several. Raises `Refused`."""
    kind, _, address = name.partition(":")
    found = [each for each in person.methods if each.kind.value == kind and address in ("", each.address)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{each.kind.value}:{each.address}" for each in person.methods) or "none at all"
    what = f'{person.name} has no contact method "{name}"' if not found else f'"{name}" is more than one contact method'
    raise Refused(Reason.UNKNOWN_METHOD, what, f"choose one of {names}")


def asked(
    person: Person, method: Method, before: Verification | None, nonce: str, now: Instant
) -> tuple[Verification, Intent]:
    """Answer what is kept and the message that goes out. Raises `Refused` if one went out just now."""
    # Of a code that was guessed at in vain, too: else whoever guesses would be sent five more tries at a time.
    if before is not None and before.verified_at is None and now < before.asked_at + CODE_AGAIN_AFTER:
        raise Refused(
            Reason.CODE_JUST_SENT,
            f"a code went out by {method.kind.value} a moment ago",
            f"wait for it; another one can be sent {CODE_AGAIN_AFTER.total('seconds'):.0f} s after it",
        )
    made = Verification(person.id, method.kind, method.channel, method.address, nonce, now)
    message = Message(
        kind=MessageKind.NOTICE,
        subject=f"verify: your code for Tocsin is {CODE}",
        incident=IncidentId("VERIFY"),
        severity=Severity("verify"),
        text=f"Say that this reached you: tocsin contact confirm {CODE}. If you did not ask for it, do nothing.",
        verifies=made.secret_of,
    )
    intent = Intent(
        id=made.intent,
        incident=NO_TIMELINE,
        rank=RANKS[MessageKind.PAGE],  # Somebody sits and waits for it.
        channel=method.channel,
        address=method.address,
        message=message,
        created_at=now,
        give_up_at=now + CODE_LIVES_FOR,
        method=method,
        person=person.id,
    )
    return made, intent


def confirmed(
    known: Iterable[Verification], matches: Iterable[Verification], now: Instant
) -> tuple[tuple[Verification, ...], Refused | None]:
    """Answer what is kept after somebody said a code, and why it is refused if it is.

    ``known`` are the person's methods, ``matches`` those that the code belongs to. A wrong code costs a try of every
    code that waits: which of them was meant nobody knows.
    """
    waiting = [each for each in known if each.waits(now)]
    found = [each for each in waiting if each in tuple(matches)]
    if found:
        return (replace(found[0], verified_at=now),), None
    if not waiting:
        return (), _nothing_waits(known, now)
    after = tuple(replace(each, tries=each.tries + 1) for each in waiting)
    left = CODE_TRIES_MAX - max(each.tries for each in after)
    if left > 0:
        return after, Refused(Reason.CODE_WRONG, "this code is wrong", f"look again; {left} tries are left")
    return after, _locked()


def _nothing_waits(known: Iterable[Verification], now: Instant) -> Refused:
    open_ones = [each for each in known if each.verified_at is None]
    if any(each.tries >= CODE_TRIES_MAX for each in open_ones):
        return _locked()
    if open_ones:
        return Refused(Reason.CODE_EXPIRED, "this code is too old", _ASK_AGAIN)
    return Refused(Reason.CODE_NOT_ASKED, "no code was asked for", _ASK_AGAIN)


def _locked() -> Refused:
    return Refused(Reason.CODE_LOCKED, "too many wrong codes", _ASK_AGAIN)
