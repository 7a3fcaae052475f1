"""Ways in which people try to have their text run as code: families, multiplied with what hides them from filters."""

from __future__ import annotations

import unicodedata
from base64 import b64encode
from collections.abc import Callable, Iterator
from html import escape
from itertools import chain, product
from urllib.parse import quote

from tests.e2e.markup_seeds import (
    CALL,
    HANDLERS,
    LINKS,
    MARKDOWN,
    ODDITIES,
    PAGE_CHANGERS,
    PREFIXES,
    QUOTINGS,
    SCHEMES,
    SEEDS,
    SHORT,
    SURROUNDINGS,
)

NAME_MAX_CHARACTERS = 15
FILE_NAME_MAX_BYTES = 255

DISGUISES: tuple[Callable[[str], str], ...] = (
    escape,
    lambda text: escape(escape(text)),
    lambda text: "".join(f"&#{ord(char)};" for char in text),
    lambda text: "".join(f"&#x{ord(char):x}" for char in text),
    quote,
    lambda text: quote(quote(text)),
    lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    lambda text: "".join(f"\\x{ord(char):02x}" for char in text),
    lambda text: b64encode(text.encode()).decode(),
    lambda text: text.encode("utf-7").decode(),
    lambda text: "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text),
    "\0".join,
    lambda text: text.replace("<", "<\0"),
    "\u200b".join,
    lambda text: f"\u202e{text[::-1]}\u202c",
    lambda text: f"\u2066{text}\u2069",
    lambda text: text.replace("<", "\ufeff<").replace(">", "\u00ad>"),
    str.swapcase,
    lambda text: text.replace(" ", "/**/").replace("<", "<\n"),
    lambda text: text.replace(" ", "\x0c"),
    lambda text: text * 100,
    lambda text: text[:-1],
    lambda text: text.replace("<", "<<"),
)


def message_vectors() -> list[str]:
    """All of them, each once, in a fixed order."""
    return list(dict.fromkeys(chain(LINKS, SEEDS, _with_handlers(), _combined(), SCHEMES, PAGE_CHANGERS, ODDITIES)))


def name_vectors() -> list[str]:
    """Those that a person can be called: there must be something to see."""
    names = [name for name in dict.fromkeys([*SHORT, *ODDITIES[::3]]) if len(name) <= NAME_MAX_CHARACTERS and _is_name(name)]
    return [name for name in names if any(unicodedata.category(char)[0] in "LNPS" for char in name)]


def file_name_vectors() -> list[str]:
    """Those that a file can be called: some of every family, and what looks like a path or the end of a header."""
    paths = ("../../x", "a/b\\c", 'a"; b="c', "a;b=c", "%0d%0aSet-Cookie:a=b", ".", "..", "CON", "~", "a'b''c")
    names = chain(PAGE_CHANGERS, ODDITIES, SEEDS, SCHEMES[::3], LINKS[::3], [*_combined()][::7], paths)
    return [name for name in dict.fromkeys(names) if len(name.encode()) <= FILE_NAME_MAX_BYTES and _is_name(name)]


def _with_handlers() -> Iterator[str]:
    for element, event in HANDLERS.items():
        yield from (f"<{element} {event}{quoting.format(CALL)}>" for quoting in QUOTINGS)
        yield f"<{element.replace(' ', '/')}/{event.upper()}={CALL}"


def _combined() -> Iterator[str]:
    yield from (prefix + seed for prefix, seed in product(PREFIXES, SEEDS[1:3]))
    yield from (place.replace("{}", seed) for place, seed in product(SURROUNDINGS, SEEDS[:3]))
    yield from (disguise(seed) for disguise, seed in product(DISGUISES, SEEDS))
    yield from (dress.replace("{}", scheme) for dress, scheme in product(MARKDOWN, SCHEMES))


def _is_name(text: str) -> bool:
    """Whether it is trimmed, and has none of the characters that the server refuses in names."""
    refused = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"
    return text == text.strip() != "" and not any(char < " " or "\x7f" <= char <= "\x9f" or char in refused for char in text)
