"""Logs: one line an event on standard error, for people or for machines, and no credential in any of them."""

from __future__ import annotations

import logging
import re
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

from randomchat.config import LogSettings

_CREDENTIAL = re.compile(
    r"\b(access_token=|sid=|signature=|Bearer )[^\s&;,\"']+|\b()eyJ[\w-]+\.[\w-]+\.[\w-]+", re.ASCII | re.IGNORECASE
)
"""A channel token in an address, a session cookie, what makes a link to a file good, and anything that looks like a token."""

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure_logging(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Route all logs of the process, those of libraries too, to `stream` (standard error).

    Of libraries only warnings and errors are written, whatever the level: at lower ones some of them write whole requests.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(settings.format, colors=stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("randomchat").setLevel(settings.level.upper())
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """The last line of defence: whoever logs a credential by mistake, it is not written."""

    def format(self, record: logging.LogRecord) -> str:
        return _CREDENTIAL.sub(r"\1***", super().format(record))


def _formatter(kind: str, *, colors: bool) -> logging.Formatter:
    rendering: list[Processor]
    if kind == "json":
        rendering = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:  # plain tracebacks: the pretty ones show the values of variables
        rendering = [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)]
    return _RedactingFormatter(
        foreign_pre_chain=_SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
    )
