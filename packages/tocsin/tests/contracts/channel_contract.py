"""What every channel must do, whatever it carries messages with. Each channel's tests inherit these."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import pytest
from msgspec.structs import replace
from whenever import TimeDelta

from tocsin.channels.port import Accepted, Channel, Deferred, DeliveryKey, Rejected
from tocsin.core.ids import IncidentId, Severity
from tocsin.core.messages import Fact, Link, Message, MessageKind

KEY = DeliveryKey("INC-42.3.0")
ACKNOWLEDGE = "https://tocsin.example.org/ack/INC-42?p=alex&s=c2lnbmF0dXJl"

PAGE = Message(
    kind=MessageKind.PAGE,
    subject="SEV1 INC-42: Agent Booster is down",
    incident=IncidentId("INC-42"),
    severity=Severity("SEV1"),
    text="No operation succeeds since 14:05 UTC.\nThe module does not load.",
    facts=(Fact("Component", "Agent Booster"), Fact("Because", "0 % of operations succeed (C3)")),
    links=(Link("Dashboard", "https://grafana.example.org/d/booster?from=now-1h&to=now"),),
    acknowledge_url=ACKNOWLEDGE,
)

HOSTILE = {
    "new lines": ("one\r\nBcc: victim@example.org\r\n\r\ntwo", ("one", "Bcc: victim@example.org", "two")),
    "control characters": ("red \x1b[31malert\x07\x00 \x9b2J end", ("red", "[31malert", "end")),
    "turned direction": ("invoice\u202egpj.exe", ("invoice", "gpj.exe")),
    "HTML": ('<script>alert(1)</script><img src="https://x.example/t.png">', ("<script>alert(1)</script>",)),
    "Slack markup": ("<!channel> <https://evil.example|log in> &amp; <@U1>", ("<!channel>", "&amp;", "<@U1>")),
    "emoji": ("🚨 Störung in 東京 👩‍🚒", ("🚨 Störung in 東京 👩‍🚒",)),
    "half a surrogate": ("cut \ud83d here", ("cut", "here")),
    "very long": ("begin " + "x<&>" * 20_000, ("begin x<&>",)),
    "a template": ("{{7*7}} ${HOME} %s {0}", ("{{7*7}} ${HOME} %s {0}",)),
    "nothing": ("", ()),
}
"""Text as an attacker or an accident writes it, and what a reader must still see of it."""

OBEYED = ("\x1b", "\x07", "\x00", "\x9b", "\u202e")
"""What a screen would obey instead of show."""


@dataclass
class Received:
    """One message at the receiver's end."""

    key: str
    """What the receiver can tell a repeat by."""
    read: str
    """All that a reader sees, as the reader's program shows it."""


class Rig(ABC):
    """A channel and the world at its other end."""

    address: str
    secrets: tuple[str, ...] = ()
    for_people: bool = True
    """Whether a person's screen shows the text as it comes."""
    brief: bool = False
    """Whether there is room for what is wrong and the answer only: a voice, a text message."""

    @abstractmethod
    def channel(self, timeout_s: float = 10) -> Channel: ...

    @abstractmethod
    def received(self) -> list[Received]: ...

    @abstractmethod
    def fall_silent(self) -> None:
        """Take what comes and never answer."""

    @abstractmethod
    def fail(self) -> None:
        """Be out of order in a way that passes."""


class RemoteRig(Rig):
    """A rig with a provider at the other end of a connection."""

    @abstractmethod
    def unreachable(self) -> Channel:
        """A channel to where nobody listens."""

    @abstractmethod
    def refuse(self) -> None:
        """Refuse for good, repeating every secret that came in."""

    @abstractmethod
    def ask_to_wait(self) -> None:
        """Ask for 120 seconds of patience."""


class ChannelContract:
    """One suite for every channel."""

    async def test_a_page_is_accepted_and_the_receiver_has_all_of_it(self, rig: Rig) -> None:
        outcome = await rig.channel().deliver(PAGE, rig.address, KEY)

        assert isinstance(outcome, Accepted)
        assert outcome.receipt
        (received,) = rig.received()
        for part in ("INC-42", "Agent Booster is down", "The module does not load."):
            assert part in received.read
        if rig.brief:
            return
        assert "SEV1 INC-42: Agent Booster is down" in received.read
        for part in ("0 % of operations succeed (C3)", "https://grafana.example.org/d/booster?from=now-1h&to=now"):
            assert part in received.read
        assert ACKNOWLEDGE in received.read

    async def test_two_keys_are_two_messages_with_two_receipts(self, rig: Rig) -> None:
        channel = rig.channel()

        outcomes = [await channel.deliver(PAGE, rig.address, DeliveryKey(key)) for key in ("INC-1.1.0", "INC-1.2.0")]

        receipts = {outcome.receipt for outcome in outcomes if isinstance(outcome, Accepted)}
        assert len(receipts) == 2
        assert len({received.key for received in rig.received()}) == 2

    async def test_a_repeated_key_is_one_message_to_the_receiver(self, rig: Rig) -> None:
        channel = rig.channel()

        first = await channel.deliver(PAGE, rig.address, KEY)
        again = await channel.deliver(PAGE, rig.address, KEY)

        assert isinstance(first, Accepted)
        assert isinstance(again, Accepted)
        assert len({received.key for received in rig.received()}) == 1

    async def test_a_provider_that_never_answers_is_deferred(self, rig: Rig) -> None:
        rig.fall_silent()

        assert isinstance(await rig.channel(timeout_s=0.05).deliver(PAGE, rig.address, KEY), Deferred)

    async def test_a_fault_that_passes_is_deferred(self, rig: Rig) -> None:
        rig.fail()

        assert isinstance(await rig.channel().deliver(PAGE, rig.address, KEY), Deferred)
        assert rig.received() == []

    @pytest.mark.parametrize("kind", [kind for kind in MessageKind if kind is not MessageKind.SETTLED])
    async def test_every_kind_of_message_goes_out_even_with_nothing_but_its_subject(
        self, rig: Rig, kind: MessageKind
    ) -> None:
        bare = Message(kind, "SEV4 INC-7: a word", IncidentId("INC-7"), Severity("SEV4"), drill=True)

        assert isinstance(await rig.channel().deliver(bare, rig.address, KEY), Accepted)
        (received,) = rig.received()
        assert "INC-7: a word" in received.read
        assert "drill" in received.read.lower()

    @pytest.mark.parametrize("name", HOSTILE)
    async def test_hostile_text_arrives_and_is_shown_not_obeyed(self, rig: Rig, name: str) -> None:
        text, seen = HOSTILE[name]
        hostile = replace(
            PAGE,
            subject=f"SEV1 INC-42: {text}",
            text=f"Begins here.\n{text}",
            facts=(Fact(text, text), Fact("Last", "fact")),
            links=(Link(text, f"javascript:{text}"), Link("Safe", "https://safe.example/x|y>")),
        )

        assert isinstance(await rig.channel().deliver(hostile, rig.address, KEY), Accepted)
        (received,) = rig.received()
        assert "Begins here." in received.read
        for part in seen:
            assert part in received.read
        if rig.for_people:
            assert not [character for character in OBEYED if character in received.read]

    async def test_no_outcome_and_no_description_tells_a_secret(self, rig: Rig) -> None:
        channel = rig.channel()
        outcomes = [await channel.deliver(PAGE, rig.address, KEY)]
        rig.fail()
        outcomes.append(await channel.deliver(PAGE, rig.address, DeliveryKey("INC-42.4.0")))
        if isinstance(rig, RemoteRig):
            rig.refuse()
            outcomes.append(await channel.deliver(PAGE, rig.address, DeliveryKey("INC-42.5.0")))
            outcomes.append(await rig.unreachable().deliver(PAGE, rig.address, DeliveryKey("INC-42.6.0")))

        told = f"{outcomes!r} {channel!r}"
        assert not [secret for secret in rig.secrets if secret in told]

    async def test_a_pace_is_set(self, rig: Rig) -> None:
        assert rig.channel().pace > 0


class RemoteChannelContract(ChannelContract):
    """What a channel with a provider at its other end must do besides."""

    async def test_a_refusal_is_rejected(self, rig: RemoteRig) -> None:
        rig.refuse()

        assert isinstance(await rig.channel().deliver(PAGE, rig.address, KEY), Rejected)
        assert rig.received() == []

    async def test_a_provider_that_asks_for_patience_is_given_it(self, rig: RemoteRig) -> None:
        rig.ask_to_wait()

        outcome = await rig.channel().deliver(PAGE, rig.address, KEY)

        assert isinstance(outcome, Deferred)
        assert outcome.wait == TimeDelta(seconds=120)

    async def test_nobody_listening_is_deferred(self, rig: RemoteRig) -> None:
        assert isinstance(await rig.unreachable().deliver(PAGE, rig.address, KEY), Deferred)

    @pytest.mark.parametrize(
        "address",
        ["", " ", "a b", "x\r\nBcc: y@example.org", "a@b,c@d", "<a@b>", "file:///etc/passwd", "\ud83d", "ü@x"],
    )
    async def test_an_address_that_is_none_is_rejected_before_anybody_is_called(
        self, rig: RemoteRig, address: str
    ) -> None:
        assert isinstance(await rig.channel().deliver(PAGE, address, KEY), Rejected)
        assert rig.received() == []
