"""The e-mail channel, against a real SMTP server; mails are read back with the standard library."""

import re
import ssl
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace
from whenever import Instant

from tocsin.channels.email import EmailChannel, Relay, compose
from tocsin.channels.port import Accepted, Deferred, DeliveryKey, Rejected
from tocsin.core.messages import Fact, Link, MessageKind

from ..standins.server import free_port
from ..standins.smtp import AUTHORITY, MailServer, mail_server
from .channel_contract import ACKNOWLEDGE, HOSTILE, KEY, PAGE, Received, RemoteChannelContract, RemoteRig

NOW = Instant.from_utc(2026, 1, 31, hour=14, minute=5)
SENDER = "tocsin@example.org"
LOGIN = ("tocsin", "correct horse 9b1e")


class Reading(HTMLParser):
    """What a mail reader shows of HTML: text, and where links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.shown: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.loads += [value or "" for name, value in attrs if name in ("src", "background", "srcset", "action")]

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def reading(mail: EmailMessage) -> Reading:
    read = Reading()
    read.feed(html_of(mail))
    return read


class EmailRig(RemoteRig):
    address = "alex@example.org"
    secrets = (LOGIN[1],)

    def __init__(self, server: MailServer, closed_port: int) -> None:
        self.server = server
        self._closed = closed_port
        self.relay = Relay("127.0.0.1", SENDER, server.port, "plain", *LOGIN)

    def channel(self, timeout_s: float = 10) -> EmailChannel:
        return EmailChannel(replace(self.relay, timeout_s=timeout_s), lambda: NOW)

    def unreachable(self) -> EmailChannel:
        return EmailChannel(replace(self.relay, port=self._closed), lambda: NOW)

    def received(self) -> list[Received]:
        return [
            Received(mail["Message-ID"], "\n".join((mail["Subject"], text_of(mail), *reading(mail).shown)))
            for mail in self.server.read()
        ]

    def fall_silent(self) -> None:
        self.server.silent = True

    def fail(self) -> None:
        self.server.at_mail = f"451 4.3.0 Out of order {LOGIN[1]}"

    def refuse(self) -> None:
        self.server.at_mail = f"550 5.7.1 Not from you: {LOGIN[1]}"

    def ask_to_wait(self) -> None:
        self.server.at_rcpt = "450 4.2.0 Greylisted, try again in 120 seconds"


@pytest.fixture
async def rig() -> AsyncIterator[EmailRig]:
    async with mail_server(LOGIN) as server:
        yield EmailRig(server, await free_port())


class TestEmail(RemoteChannelContract):
    """E-mail keeps the contract of all channels."""


async def test_the_mail_is_well_formed_and_of_one_thread_with_its_incident(rig: EmailRig) -> None:
    await rig.channel().deliver(PAGE, rig.address, KEY)
    await rig.channel().deliver(replace(PAGE, kind=MessageKind.NOTICE), rig.address, DeliveryKey("INC-42.9.0"))

    first, second = rig.server.read()
    assert first.defects == []
    assert first["From"] == f"Tocsin <{SENDER}>"
    assert first["To"] == "alex@example.org"
    assert first["Subject"] == "PAGE · SEV1 INC-42: Agent Booster is down"
    assert first["Date"].datetime.isoformat() == "2026-01-31T14:05:00+00:00"
    assert first["Message-ID"] == "<INC-42.3.0@example.org>"
    assert second["Message-ID"] == "<INC-42.9.0@example.org>"
    assert first["References"] == second["References"] == first["In-Reply-To"] == "<INC-42.incident@example.org>"
    assert (first["Importance"], second["Importance"]) == ("high", None)
    assert [part.get_content_type() for part in first.iter_parts()] == ["text/plain", "text/html"]


async def test_every_line_on_the_wire_is_short_and_plain_ascii(rig: EmailRig) -> None:
    await rig.channel().deliver(replace(PAGE, text=HOSTILE["very long"][0] + "ü"), rig.address, KEY)

    (wire,) = rig.server.mails
    assert wire.isascii()
    assert max(len(line) for line in wire.split(b"\r\n")) <= 998
    assert b"\n" not in wire.replace(b"\r\n", b"")


async def test_the_receipt_is_what_we_and_what_the_server_call_the_mail(rig: EmailRig) -> None:
    outcome = await rig.channel().deliver(PAGE, rig.address, KEY)

    assert outcome == Accepted("<INC-42.3.0@example.org> 2.0.0 Ok: queued as 00000001")


async def test_the_page_loads_nothing_leads_where_it_says_and_has_no_markup_of_the_alert(rig: EmailRig) -> None:
    markup = HOSTILE["HTML"][0]
    message = replace(
        PAGE,
        subject=markup,
        text=f"x\n{markup}",
        facts=(Fact(markup, markup),),
        links=(Link(markup, "javascript:alert(1)"),),
    )

    await rig.channel().deliver(message, rig.address, KEY)

    read = reading(rig.server.read()[0])
    assert read.loads == []
    assert read.links == [ACKNOWLEDGE]
    assert not {"script", "img", "iframe", "form", "style"} & set(read.tags)


@pytest.mark.parametrize("field", ["subject", "incident", "severity"])
async def test_no_word_of_a_message_can_begin_a_header(rig: EmailRig, field: str) -> None:
    evil = "x\r\nBcc: victim@example.org\nReply-To: evil@example.org\x85Cc: a@b"

    await rig.channel().deliver(replace(PAGE, **{field: evil}), rig.address, DeliveryKey(evil))

    (mail,) = rig.server.read()
    assert {"Bcc", "Cc", "Reply-To"}.isdisjoint(mail.keys())
    assert re.fullmatch(r"<[A-Za-z0-9.-]+@example\.org>", mail["Message-ID"])


@pytest.mark.parametrize(
    ("step", "said", "kind"),
    [
        ("at_mail", "421 4.3.2 Going down", Deferred),
        ("at_rcpt", "450 4.2.1 Mailbox busy", Deferred),
        ("at_rcpt", "550 5.1.1 No such user", Rejected),
        ("at_data", "452 4.3.1 Disk full", Deferred),
        ("at_data", "554 5.7.1 Looks like spam", Rejected),
        ("at_login", f"535 5.7.8 Wrong: {LOGIN[1]}", Rejected),
        ("at_login", f"454 4.7.0 Later, {LOGIN[1]}", Deferred),
    ],
)
async def test_a_refusal_at_any_step_is_told_apart_by_its_first_digit(
    rig: EmailRig, step: str, said: str, kind: type[Deferred | Rejected]
) -> None:
    setattr(rig.server, step, said)

    outcome = await rig.channel().deliver(PAGE, rig.address, KEY)

    assert isinstance(outcome, kind)
    assert said[:3] in outcome.why
    assert LOGIN[1] not in outcome.why
    assert rig.server.mails == []


async def test_a_mail_taken_over_is_accepted_however_the_server_says_good_bye(rig: EmailRig) -> None:
    rig.server.at_quit = "421 4.3.2 Confused"

    assert isinstance(await rig.channel().deliver(PAGE, rig.address, KEY), Accepted)


async def test_a_wrong_password_is_rejected_with_the_remedy(rig: EmailRig) -> None:
    rig.relay = replace(rig.relay, password="guess")

    outcome = await rig.channel().deliver(PAGE, rig.address, KEY)

    assert outcome == Rejected("the mail server refused our login (535); check user name and password")


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_goes_encrypted_to_a_server_whose_certificate_is_trusted(security: str) -> None:
    trusted = ssl.create_default_context()
    AUTHORITY.configure_trust(trusted)
    async with mail_server(LOGIN, security) as server:
        relay = Relay("127.0.0.1", SENDER, server.port, security, *LOGIN)  # type: ignore[arg-type]

        outcome = await EmailChannel(relay, lambda: NOW, trusted).deliver(PAGE, "alex@example.org", KEY)

        assert isinstance(outcome, Accepted)
        assert server.encrypted == [True]


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_an_untrusted_certificate_gets_neither_mail_nor_password(security: str) -> None:
    async with mail_server(LOGIN, security) as server:
        relay = Relay("127.0.0.1", SENDER, server.port, security, *LOGIN)  # type: ignore[arg-type]

        outcome = await EmailChannel(relay, lambda: NOW).deliver(PAGE, "alex@example.org", KEY)

        assert isinstance(outcome, Deferred)
        assert "certificate" in outcome.why
        assert server.mails == []


async def test_a_server_without_starttls_is_not_spoken_to_in_clear() -> None:
    async with mail_server(LOGIN) as server:
        relay = Relay("127.0.0.1", SENDER, server.port, "starttls", *LOGIN)

        outcome = await EmailChannel(relay, lambda: NOW).deliver(PAGE, "alex@example.org", KEY)

        assert isinstance(outcome, Rejected)
        assert server.mails == []


async def test_a_relay_does_not_show_its_password() -> None:
    assert LOGIN[1] not in repr(Relay("mail.example.org", SENDER, 587, "starttls", *LOGIN))


def test_a_sender_that_is_no_address_is_found_at_the_start() -> None:
    with pytest.raises(ValueError, match="not an e-mail address"):
        EmailChannel(Relay("mail.example.org", "Tocsin <tocsin@example.org>"), lambda: NOW)


def test_the_standard_library_reads_two_parts_in_utf_8() -> None:
    mail = message_from_bytes(compose(PAGE, SENDER, "alex@example.org", KEY, NOW).as_bytes())

    assert mail.is_multipart()
    assert [part.get_content_charset() for part in mail.walk() if not part.is_multipart()] == ["utf-8", "utf-8"]


@pytest.mark.clause("E4")
async def test_a_page_by_mail_can_be_answered_both_ways_in_text_and_in_html(rig: EmailRig) -> None:
    cannot = f"{ACKNOWLEDGE}&cannot"
    await rig.channel().deliver(replace(PAGE, decline_url=cannot), rig.address, KEY)

    (mail,) = rig.server.read()
    assert [f"Acknowledge: {ACKNOWLEDGE}", f"I cannot: {cannot}"] == text_of(mail).splitlines()[-2:]
    assert {ACKNOWLEDGE, cannot} <= set(reading(mail).links)
    assert reading(mail).shown.index("Acknowledge") < reading(mail).shown.index("I cannot: ask whoever is next")
