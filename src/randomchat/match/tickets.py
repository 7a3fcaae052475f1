"""What a person asks for, and the ticket with which that person waits."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import parse_qsl

from randomchat.errors import InvalidInput
from randomchat.ids import NodeId, TicketId, UserId

MAX_INTERESTS = 10
MAX_INTEREST_CHARS = 30
MAX_LANGUAGE_CHARS = 35
EVERYONE = "everyone"
"""The one pool that there is so far: people of different pools never meet."""

# RFC 5646: a language of 2 to 8 letters, and subtags of up to 8 letters or digits. Private ("x-…") and the few irregular old
# tags ("i-…") name no language that others would have too.
_LANGUAGE = re.compile(r"([a-z]{2,8})(-[a-z0-9]{1,8})*", re.IGNORECASE)
_UNDETERMINED = "und"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for. `interests` are folded; `language` is a primary subtag ("en"), or "" where none was named."""

    interests: frozenset[str] = frozenset()
    language: str = ""
    pool: str = EVERYONE


@dataclass(frozen=True, slots=True)
class Ticket:
    """A person's place in the queue.

    `node`: has the person's sockets, and alone knows the truth about the ticket. `since_ms`: Unix milliseconds at which the wait
    began; it is the place, and stays the same over reconnects. `excluded`: people who must not be met.
    """

    id: TicketId
    user_id: UserId
    node: NodeId
    since_ms: int
    wish: Wish
    excluded: frozenset[UserId] = frozenset()

    def may_meet(self, other: Ticket) -> bool:
        """Whether two people may be paired at all, whatever they wish."""
        return (
            self.user_id != other.user_id
            and self.wish.pool == other.wish.pool
            and other.user_id not in self.excluded
            and self.user_id not in other.excluded
        )


def parse_wish(query: bytes) -> Wish:
    """Read the query string of `/api/match`: `interests=music,art` and `lang=en`; unknown keys are ignored.

    Raises `InvalidInput`, which names the key.
    """
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise InvalidInput("The query is not valid UTF-8.") from error
    languages = [value for key, value in pairs if key == "lang"]
    if len(languages) > 1:
        raise InvalidInput("lang: name one language.")
    interests = ",".join(value for key, value in pairs if key == "interests")
    return Wish(fold_interests(interests), primary_language(languages[0] if languages else ""))


def fold_interests(text: str) -> frozenset[str]:
    """The interests of a comma-separated list, in the form in which they are compared."""
    interests = frozenset(filter(None, map(_fold, text.split(","))))
    if len(interests) > MAX_INTERESTS:
        raise InvalidInput(f"interests: name at most {MAX_INTERESTS}.")
    for interest in interests:
        if len(interest) > MAX_INTEREST_CHARS:
            raise InvalidInput(f"interests: each has at most {MAX_INTEREST_CHARS} characters.")
        if not interest.isprintable():
            raise InvalidInput("interests: control characters are not allowed.")
    return interests


def primary_language(tag: str) -> str:
    """The language of a BCP 47 tag, without region and script: who speaks en-GB and who speaks en-US can talk."""
    if not tag:
        return ""
    shape = _LANGUAGE.fullmatch(tag) if len(tag) <= MAX_LANGUAGE_CHARS else None
    if shape is None:
        raise InvalidInput("lang: must be a BCP 47 tag such as en or pt-BR.")
    language = shape[1].lower()
    return "" if language == _UNDETERMINED else language


def _fold(interest: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", interest).casefold())
    return " ".join(folded.split())
