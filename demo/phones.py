"""The phones and mailboxes of the people on call: pages reach them by webhook and by mail, and some follow the link."""

import email
import json
import re
import threading
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from aiosmtpd.controller import Controller

from demo.processes import free_port

_LINK = re.compile(r"^Acknowledge: (\S+)", re.MULTILINE)


class Phones:
    """Everybody's pager, by HTTP, and everybody's mailbox, by SMTP; the provider of pagers has lost some devices."""

    def __init__(self, ring: Callable[[str, str, str], None]) -> None:
        self._ring = ring
        self._answering: dict[str, float] = {}
        self._lost: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.smtp_port = free_port()
        self._mail = Controller(_Mailbox(self), hostname="127.0.0.1", port=self.smtp_port)
        self._mail.start()

    @property
    def url(self) -> str:
        """Answer the address under which the pagers are."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/pager"

    def will_answer(self, person: str, after_s: float) -> None:
        """Let a person follow the link so many seconds after a page has reached them."""
        self._answering[person] = after_s

    def lose(self, person: str) -> None:
        """Let the provider refuse this person's pager from now on."""
        self._lost.add(person)

    def stop(self) -> None:
        """Switch everything off."""
        self._server.shutdown()
        self._server.server_close()
        self._mail.stop()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        phones = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                person = self.path.rsplit("/", 1)[-1]
                lost = person in phones._lost
                self.send_response(410 if lost else 200)
                self.send_header("X-Receipt", f"pager-{int(time.time() * 1000)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                if not lost and message.get("kind") == "page":
                    phones.reached(person, "pager", message["subject"], message.get("acknowledge_url", ""))

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing; the story is told elsewhere."""

        return Handler

    def reached(self, person: str, how: str, subject: str, link: str) -> None:
        """Take a page; answer it if this person does."""
        self._ring(person, how, subject)
        after_s = self._answering.get(person)
        if link and after_s is not None:
            threading.Timer(after_s, lambda: httpx.post(link, timeout=5)).start()


class _Mailbox:
    """Takes mail in, as `aiosmtpd` asks for it."""

    def __init__(self, phones: Phones) -> None:
        self._phones = phones

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        text = mail.get_body(("plain",))
        link = _LINK.search(text.get_content() if text else "")
        if link is not None:  # Only pages ask for an answer.
            person = envelope.rcpt_tos[0].split("@")[0].replace(".", "-")
            self._phones.reached(person, "mailbox", str(mail["Subject"]), link[1])
        return "250 taken"
