"""Files in a form (`multipart/form-data`), read while they come in: nothing is kept but the piece that just came."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from randomchat.errors import InvalidInput

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FIELD = b"files"


@dataclass(frozen=True, slots=True)
class FormFile:
    """One file of a form. `mime`: what the form says of it, if it does. `chunks` can be read once, before the next file."""

    name: str
    mime: str | None
    chunks: AsyncIterator[bytes]


@dataclass(slots=True)
class _Part:
    """The head of a part: its headers by their names in lower case."""

    headers: dict[bytes, bytes] = field(default_factory=dict)


class _End:
    """The end of a part, or of the form."""


_Event = _Part | bytes | _End


class _Parser:
    """Turns what comes in into heads, pieces and ends."""

    def __init__(self, boundary: bytes) -> None:
        self.events: deque[_Event] = deque()
        self.complete = False
        self._part = _Part()
        self._name, self._value = bytearray(), bytearray()
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._on_part_begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._on_header_end,
            "on_headers_finished": lambda: self.events.append(self._part),
            "on_part_data": lambda data, start, end: self.events.append(data[start:end]),
            "on_part_end": lambda: self.events.append(_End()),
            "on_end": self._on_end,
        }
        self._parser = MultipartParser(boundary, callbacks)

    def feed(self, chunk: bytes) -> None:
        """Raises `FormParserError`."""
        self._parser.write(chunk)

    def _on_part_begin(self) -> None:
        self._part = _Part()

    def _on_header_end(self) -> None:
        self._part.headers[bytes(self._name).lower()] = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def _on_end(self) -> None:
        self.complete = True


async def read_files(content_type: str, chunks: AsyncIterable[bytes]) -> AsyncIterator[FormFile]:
    """The files of a form, one after the other; what is left of one is skipped when the next is asked for.

    Raises `InvalidInput` where it is not a form, is cut short, or holds anything but `files`.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise InvalidInput("The body must be multipart/form-data.")
    events = _events(options[b"boundary"], chunks)
    async for event in events:
        if isinstance(event, _Part):
            rest = _until_end(events)
            yield _file(event, rest)
            async for _ in rest:
                pass


async def _events(boundary: bytes, chunks: AsyncIterable[bytes]) -> AsyncIterator[_Event]:
    try:
        parser = _Parser(boundary)
        async for chunk in chunks:
            parser.feed(chunk)
            while parser.events:
                yield parser.events.popleft()
    except FormParserError:
        raise InvalidInput("The body is not valid multipart/form-data.") from None
    if not parser.complete:
        raise InvalidInput("The body ends before the form does.")


async def _until_end(events: AsyncIterator[_Event]) -> AsyncIterator[bytes]:
    async for event in events:
        if not isinstance(event, bytes):
            return
        yield event


def _file(part: _Part, chunks: AsyncIterator[bytes]) -> FormFile:
    _, options = parse_options_header(part.headers.get(b"content-disposition"))
    if options.get(b"name") != FIELD or b"filename" not in options:
        raise InvalidInput("files: each part of the form must be a file of this field.")
    mime = part.headers.get(b"content-type")
    return FormFile(options[b"filename"].decode(errors="replace"), mime.decode("latin-1") if mime else None, chunks)
