"""A stand-in for a mail server: aiosmtpd, with refusals that can be switched on, keeping what it took over."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

AUTHORITY = trustme.CA()
"""Signs the stand-in's certificate; made anew in every run, so no key lies in the repository."""


@dataclass
class MailServer:
    port: int = 0
    login: tuple[str, str] = ("", "")
    mails: list[bytes] = field(default_factory=list)
    """As they came over the wire."""
    encrypted: list[bool] = field(default_factory=list)
    at_mail: str = ""
    """If set, what ``MAIL`` is answered with; the same for the recipient, the data and the login."""
    at_rcpt: str = ""
    at_data: str = ""
    at_login: str = ""
    at_quit: str = ""
    silent: bool = False

    def read(self) -> list[EmailMessage]:
        return [message_from_bytes(mail, policy=default) for mail in self.mails]

    async def handle_MAIL(
        self, _server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.silent:
            await asyncio.Event().wait()
        if self.login[0] and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.at_mail or "250 OK"

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if not self.at_rcpt:
            envelope.rcpt_tos.append(address)
        return self.at_rcpt or "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.at_data:
            return self.at_data
        self.mails.append(cast(bytes, envelope.original_content))
        self.encrypted.append(server.transport is not None and bool(server.transport.get_extra_info("sslcontext")))
        return f"250 2.0.0 Ok: queued as {len(self.mails):08X}"

    async def handle_QUIT(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:
        return self.at_quit or "221 Bye"

    def check(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, given: Any) -> AuthResult:
        if self.at_login:
            return AuthResult(success=False, handled=False, message=self.at_login)
        right = isinstance(given, LoginPassword) and self.login == (given.login.decode(), given.password.decode())
        return AuthResult(success=right, handled=False)


@asynccontextmanager
async def mail_server(login: tuple[str, str] = ("", ""), security: str = "plain") -> AsyncIterator[MailServer]:
    """Serve until left, with STARTTLS (``starttls``), TLS from the beginning (``tls``) or neither."""
    state = MailServer(login=login)
    context = None
    if security != "plain":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    sessions: list[SMTP] = []

    def session() -> SMTP:
        smtp = SMTP(
            state,
            hostname="localhost",
            ident="stand-in",
            tls_context=context if security == "starttls" else None,
            require_starttls=security == "starttls",
            authenticator=state.check if login[0] else None,
            auth_require_tls=False,
            loop=asyncio.get_running_loop(),
        )
        sessions.append(smtp)
        return smtp

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", 0, ssl=context if security == "tls" else None)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for each in sessions:
            if each.transport is not None:
                each.transport.close()
        await asyncio.sleep(0)
