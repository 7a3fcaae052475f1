"""What the user service offers the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from randomchat.ids import UserId


@dataclass(frozen=True, slots=True)
class Account:
    """A person. `picture` is a URL, or "" where there is none."""

    id: UserId
    name: str
    picture: str


class UserApi(Protocol):
    """Accounts and sessions. Every call raises `Unavailable` where the store does not answer."""

    async def authenticate(self, session_token: str) -> Account:
        """The owner of a live session.

        `session_token`: the cookie's value, "" where there is none. Raises `Unauthorized` where no live session has it, and
        `NotFound` where the session's account is gone.
        """
        ...
