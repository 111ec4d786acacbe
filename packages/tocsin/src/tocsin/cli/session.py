"""What all commands share: the options that stand anywhere in a line, and how an error ends it.

Exit status: 0 it was done, 1 it was refused or failed, 2 the line was wrong.
"""

import os
import re
import sys
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from tocsin.cli.output import Screen

if TYPE_CHECKING:
    from tocsin.cli.client import Client

DEFAULT_URL: Final = "http://127.0.0.1:8700"
"""Where `tocsin serve` listens if nobody says otherwise."""

F = TypeVar("F", bound=Callable[..., Any])

_NUMBER = re.compile(r"(?:(inc|ho|test)-?)?(\d{1,12})", re.IGNORECASE)


class Failed(click.ClickException):
    """It was refused, or it failed: what happened, and what to do about it."""

    exit_code = 1

    def __init__(self, message: str, remedy: str = "", said: object = None) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.said = said
        ctx = click.get_current_context(silent=True)
        # Looked at now: when it is shown, the line's context is gone.
        self._as_json = ctx is not None and session().as_json

    def show(self, file: Any = None) -> None:
        """Write it to the error output; as JSON if that was asked for."""
        if self._as_json:
            import msgspec  # noqa: PLC0415 - `--help` and usage errors need none of it.

            said = self.said or {"title": self.message, "detail": self.message, "remedy": self.remedy}
            click.echo(msgspec.json.encode(said), err=True)
            return
        click.echo(f"tocsin: {self.message}", err=True)
        if self.remedy:
            click.echo(f"  {self.remedy}", err=True)


class Session:
    """The options given so far in one command line, and what is made of them when it is needed."""

    def __init__(self) -> None:
        self.url = ""
        self.token = ""
        self.as_json = False

    @cached_property
    def screen(self) -> Screen:
        """Where to write."""
        return Screen(self.as_json)

    @cached_property
    def client(self) -> "Client":
        """The way to the server."""
        from tocsin.cli.client import Client  # noqa: PLC0415 - loading HTTP takes longer than most commands run.

        return Client(self.url or os.environ.get("TOCSIN_URL") or DEFAULT_URL, self._token())

    @property
    def has_server(self) -> bool:
        """Tell whether a server was named, or a token that only a server understands."""
        return bool(self.url or self.token or os.environ.get("TOCSIN_URL") or os.environ.get("TOCSIN_TOKEN"))

    def _token(self) -> str:
        token = self.token or os.environ.get("TOCSIN_TOKEN") or ""
        if not token.isascii() or any(letter.isspace() for letter in token.strip()):
            raise Failed("the token holds characters that no token has", "Copy it whole, and nothing around it.")
        return token.strip()

    def get(self, path: str, **query: object) -> Any:
        """Ask the server."""
        return self._asked(lambda: self.client.get(path, **query))

    def text(self, path: str) -> str:
        """Ask the server for plain text."""
        return str(self._asked(lambda: self.client.text(path)))

    def post(self, path: str, body: dict[str, object]) -> Any:
        """Act through the server."""
        return self._asked(lambda: self.client.post(path, body))

    def send(self, path: str, content: bytes, media_type: str, **query: object) -> Any:
        """Hand the server a document that is not JSON."""
        return self._asked(lambda: self.client.send(path, content, media_type, **query))

    def delete(self, path: str) -> Any:
        """End something through the server."""
        return self._asked(lambda: self.client.delete(path))

    def _asked(self, ask: Callable[[], Any]) -> Any:
        from tocsin.cli.client import Problem  # noqa: PLC0415 - as above.

        try:
            return ask()
        except Problem as problem:
            raise Failed(problem.title, problem.remedy, problem.said) from problem


def session() -> Session:
    """Answer the session of the command line under way."""
    root = click.get_current_context().find_root()
    if not isinstance(root.obj, Session):
        root.obj = Session()
    return root.obj


def _remember(name: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    def remembers(_: click.Context, __: click.Parameter, value: Any) -> Any:
        if value:
            setattr(session(), name, value)
        return value

    return remembers


def answers(command: F) -> F:
    """Give a command the option of all that answer something."""
    option = click.option(
        "--json", "as_json", is_flag=True, expose_value=False, callback=_remember("as_json"), help="Answer as JSON."
    )
    return option(command)


def talks(command: F) -> F:
    """Give a command the options of all that talk to a server."""
    url = click.option(
        "--url", expose_value=False, callback=_remember("url"), help="The server; else TOCSIN_URL, else port 8700 here."
    )
    token = click.option("--token", expose_value=False, callback=_remember("token"), help="Else TOCSIN_TOKEN.")
    return answers(url(token(command)))


class IncidentParam(click.ParamType[str]):
    """An incident as people say it: ``INC-42``, ``inc-42`` or ``42``; a hand-off ``HO-3``, a test page ``TEST-1``."""

    name = "INC"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Answer the id in full."""
        found = _NUMBER.fullmatch(str(value).strip())
        if found is None:
            self.fail(f'"{value}" is no incident. Write INC-42 or 42; `tocsin list` shows them.', param, ctx)
        return f"{(found[1] or 'INC').upper()}-{int(found[2])}"


INCIDENT: Final = IncidentParam()


def text_of(given: str) -> str:
    """Answer a text, or what stands on the standard input if it is ``-``."""
    return sys.stdin.read().strip() if given == "-" else given
