"""Conditional and partial requests (RFC 9110, sections 13 and 14), for one representation with a strong entity tag."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*", re.ASCII | re.IGNORECASE)


class Unsatisfiable(Exception):
    """The range lies outside of what there is."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int

    def content_range(self, size: int) -> str:
        """The value of `Content-Range` for something of that size."""
        return f"bytes {self.start}-{self.stop - 1}/{size}"


def requested_range(header: str | None, if_range: str | None, size: int, etag: str) -> ByteRange | None:
    """What part is asked for; None for the whole: without a range, for another version, for nonsense and for many ranges.

    `etag`: with its quotes. Raises `Unsatisfiable`.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    if match is None or (if_range is not None and if_range.strip() != etag):
        return None
    first, last = match.groups()
    if first:
        return _from_to(int(first), int(last) if last else None, size)
    return _suffix(int(last), size) if last else None


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has this version. `etag`: with its quotes."""
    if if_none_match is None:
        return False
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in known or "*" in known


def _from_to(first: int, last: int | None, size: int) -> ByteRange | None:
    if last is not None and last < first:
        return None
    if first >= size:
        raise Unsatisfiable
    return ByteRange(first, size if last is None else min(last + 1, size))


def _suffix(count: int, size: int) -> ByteRange:
    if count == 0 or size == 0:
        raise Unsatisfiable
    return ByteRange(max(0, size - count), size)
