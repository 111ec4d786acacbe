"""Messages by e-mail: text and a small HTML that a phone shows well, to one address at a time.

One message has one recipient, so a mail is either taken over or not; there is nothing in between that could be claimed.
SMTP knows no idempotency key. The ``Message-ID`` is made of it, so that a mail sent twice is the same mail to whatever
compares; and every mail of an incident refers to one made-up first message, which keeps them in one thread.
"""

import asyncio
import hashlib
import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime
from typing import Final, Literal

import aiosmtplib
import msgspec
from aiosmtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException
from whenever import Instant, TimeDelta

from tocsin.channels.mail_page import page
from tocsin.channels.port import Accepted, Deferred, DeliveryKey, Outcome, Rejected
from tocsin.channels.render import cut, headline, one_line, plain
from tocsin.core.messages import Message, MessageKind

SUBJECT_MAX: Final = 180
"""Characters of a subject line; phones show about forty, archives search all."""

_SAID_MAX: Final = 200
_URGENT: Final = (MessageKind.ALARM, MessageKind.PAGE)
# Stricter than RFC 5322 on purpose: nothing that needs quoting, ends a header or names a second recipient.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}")
_ID_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,100}")
_NAMED_WAIT = re.compile(r"\b(?:in|for|after)\s+(\d{1,5})\s*(s|sec|second|m|min|minute)s?\b", re.IGNORECASE)


class Relay(msgspec.Struct, frozen=True):
    """The mail server that takes our messages over."""

    host: str
    sender: str
    """The address in ``From`` and in the envelope."""
    port: int = 587
    security: Literal["starttls", "tls", "plain"] = "starttls"
    """``starttls`` insists on it: a server that does not offer it is refused, not spoken to in clear."""
    username: str = ""
    password: str = ""
    timeout_s: float = 20
    """For one whole attempt. Shorter than the lease of a delivery."""
    pace: float = 10

    def __repr__(self) -> str:
        return f"Relay({self.host}:{self.port} {self.security})"


class EmailChannel:
    """Sends messages through a relay."""

    def __init__(self, relay: Relay, clock: Callable[[], Instant], tls_context: ssl.SSLContext | None = None) -> None:
        if not _ADDRESS.fullmatch(relay.sender):
            raise ValueError(f'"{relay.sender}" is not an e-mail address to send from')
        self._relay = relay
        self._clock = clock
        self._tls_context = tls_context

    @property
    def pace(self) -> float:
        """Messages a second."""
        return self._relay.pace

    async def deliver(self, message: Message, address: str, key: DeliveryKey) -> Outcome:
        """Send one mail to one address."""
        if not _ADDRESS.fullmatch(address):
            return Rejected(why="the address is not one e-mail address; correct the contact method")
        mail = compose(message, self._relay.sender, address, key, self._clock())
        client = self._client()
        try:
            async with asyncio.timeout(self._relay.timeout_s):
                return await self._send(client, mail, address)
        except TimeoutError:
            # The mail may be on its way. Its Message-ID stays the same.
            return Deferred(why="no answer in time")
        except (SMTPException, OSError) as error:
            return self._failure(error)
        finally:
            client.close()

    async def close(self) -> None:
        """Nothing is kept open between two mails."""

    def _client(self) -> aiosmtplib.SMTP:
        relay = self._relay
        return aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            timeout=relay.timeout_s,
            use_tls=relay.security == "tls",
            start_tls=relay.security == "starttls",
            tls_context=self._tls_context,
            local_hostname=relay.sender.rpartition("@")[2],  # Asking the resolver for our own name can take long.
        )

    async def _send(self, client: aiosmtplib.SMTP, mail: EmailMessage, address: str) -> Outcome:
        await client.connect()
        if self._relay.username:
            await client.login(self._relay.username, self._relay.password)
        _, said = await client.sendmail(self._relay.sender, address, mail.as_bytes(policy=WIRE))
        with suppress(SMTPException, OSError, TimeoutError):
            await client.quit(timeout=1)  # The mail is theirs now, however they say good-bye.
        return Accepted(receipt=f"{mail['Message-ID']} {cut(one_line(said), _SAID_MAX)}".rstrip())

    def _failure(self, error: Exception) -> Outcome:
        if isinstance(error, SMTPRecipientsRefused):
            error = error.recipients[0]
        match error:
            case aiosmtplib.SMTPAuthenticationError(code=code) if code >= 500:
                return Rejected(why=f"the mail server refused our login ({code}); check user name and password")
            case aiosmtplib.SMTPAuthenticationError(code=code):
                return Deferred(why=f"the mail server could not check our login ({code})")
            case SMTPResponseException(code=code, message=said):
                return self._answered(code, said)
            case aiosmtplib.SMTPTimeoutError():
                return Deferred(why="no answer in time")
            case aiosmtplib.SMTPServerDisconnected():
                return Deferred(why="the mail server hung up")
            case SMTPException() if "STARTTLS" in str(error):
                return Rejected(why="the mail server offers no STARTTLS; use TLS, or plain if the way there is safe")
            case _ if _has_cause(error, ssl.SSLError):
                return Deferred(why="no trusted TLS connection to the mail server; check its certificate and name")
            case _:
                return Deferred(why=f"unreachable: {type(error).__name__}")

    def _answered(self, code: int, said: str) -> Outcome:
        text = one_line(said)
        for secret in filter(None, (self._relay.password, self._relay.username)):
            text = text.replace(secret, "[secret]")
        why = cut(f"the mail server answered {code} {text}".rstrip(), _SAID_MAX)
        return Rejected(why=why) if 500 <= code < 600 else Deferred(why=why, wait=_wait(text))


def compose(message: Message, sender: str, address: str, key: DeliveryKey, at: Instant) -> EmailMessage:
    """Write the mail. The same message under the same key has the same ``Message-ID``, whenever it is sent."""
    domain = sender.rpartition("@")[2]
    thread = f"<{_id_part(message.incident)}.incident@{domain}>"
    mail = EmailMessage(policy=WIRE)
    mail["From"] = f"Tocsin <{sender}>"
    mail["To"] = address
    mail["Subject"] = cut(headline(message), SUBJECT_MAX)
    mail["Date"] = format_datetime(at.to_stdlib())
    mail["Message-ID"] = f"<{_id_part(key)}@{domain}>"
    mail["In-Reply-To"] = thread
    mail["References"] = thread
    mail["Auto-Submitted"] = "auto-generated"  # So that nobody's absence note answers a page.
    if message.kind in _URGENT:
        mail["Importance"] = "high"
        mail["X-Priority"] = "1"
    mail.set_content(plain(message) + "\n", cte="quoted-printable")
    mail.add_alternative(page(message), subtype="html", cte="quoted-printable")
    return mail


def _id_part(text: str) -> str:
    """Keep a key readable in an id if it can stand there, else stand for it with a digest."""
    return text if _ID_SAFE.fullmatch(text) else hashlib.sha256(text.encode(errors="replace")).hexdigest()[:40]


def _has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False


def _wait(said: str) -> TimeDelta | None:
    """Read how long to wait where a server says it in words, as those that greylist do."""
    found = _NAMED_WAIT.search(said)
    if found is None:
        return None
    number, unit = int(found[1]), found[2].lower()
    return TimeDelta(seconds=min(number * (60 if unit.startswith("m") else 1), 3_600))
