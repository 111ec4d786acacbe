"""The phones of the people on call: they take pages by webhook, and answer by following the link in them, or do not."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx


class Phones:
    """One HTTP server that is everybody's phone; the last part of the path is whose."""

    def __init__(self, ring: Callable[[str, str], None]) -> None:
        self._ring = ring
        self._answering: dict[str, float] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Answer the address under which the phones are."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/phone"

    def will_answer(self, person: str, after_s: float) -> None:
        """Let a person follow the link so many seconds after the phone rang."""
        self._answering[person] = after_s

    def stop(self) -> None:
        """Switch the phones off."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        phones = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("X-Receipt", f"call-{int(time.time() * 1000)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                phones.rang(self.path.rsplit("/", 1)[-1], message)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing; the story is told elsewhere."""

        return Handler

    def rang(self, person: str, message: dict[str, str]) -> None:
        """Take a message; answer it if this person does."""
        if message.get("kind") != "page":
            return
        self._ring(person, message["subject"])
        link, after_s = message.get("acknowledge_url"), self._answering.get(person)
        if link and after_s is not None:
            threading.Timer(after_s, lambda: httpx.post(link, timeout=5)).start()
