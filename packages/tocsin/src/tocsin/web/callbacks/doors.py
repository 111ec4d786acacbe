"""What the callbacks need: the secrets by which providers sign, and the parts behind them."""

from http import HTTPStatus
from typing import Protocol

import msgspec

from tocsin.web.problems import Declined, Fault


class Replies(Protocol):
    """Says something to whoever asked, at the address that their provider gave for it."""

    async def reply(self, url: str, text: str) -> bool:
        """Say it; tell whether it was taken."""
        ...


class Secrets(msgspec.Struct, frozen=True):
    """What providers sign with. One that is not set has its door closed."""

    pagerduty: tuple[str, ...] = ()
    """Several while one is being changed."""
    slack: str = ""
    twilio: str = ""
    base_url: str = ""
    """How we are reached from outside: Twilio signs the address that it calls."""

    def __repr__(self) -> str:
        return "Secrets()"


def closed(what: str, setting: str) -> Declined:
    """Answer that a door is closed because nothing could be checked."""
    detail = f"{what} are not taken here: there is no secret to check them by"
    return Declined(HTTPStatus.NOT_FOUND, Fault.CALLBACK_OFF, detail, f"Set {setting}.")
