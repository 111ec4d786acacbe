"""Log lines: to the error output, one line each, as text for people or as JSON for collectors."""

import json
import logging
from typing import Literal


def set_up(level: str, style: Literal["text", "json"]) -> None:
    """Send all log lines to the error output."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json() if style == "json" else logging.Formatter(_TEXT, "%Y-%m-%dT%H:%M:%S"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "uvicorn.error"):
        # A line for each request we send or each connection that ends would bury what matters.
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))


_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Json(logging.Formatter):
    """One object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        said = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{record.msecs:03.0f}",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)
