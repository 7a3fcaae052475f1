"""Reference pages that are written from the code: every setting, and every error code."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from randomchat.config import Settings
from randomchat.errors import ERRORS

_SETTINGS_INTRO = """\
# Settings

Defaults < YAML file (`--config FILE`) < environment < flags. `randomchat config show` prints what is in force,
`randomchat config check` says whether it can be used.

In a YAML file the parts of a name are nested keys. In the environment they are joined by two underscores, in capitals and after
`RANDOMCHAT_`: `chat.message.max_bytes` is `RANDOMCHAT_CHAT__MESSAGE__MAX_BYTES`; lists are written as JSON.
"""
_ERRORS_INTRO = """\
# Error codes

Over HTTP a refusal is `{"msg": "…", "code": "…", "retryable": true}` with the status below. On a chat socket it is an `error`
frame (event 5), whose payload holds the same and `retry_after_ms`; a socket that is refused altogether, by a client that speaks
the subprotocol, is closed with the close code. `retryable`: the same request may succeed later.

Close codes from 4000 to 4499, and 1001, 1012 and 1013, ask the client to connect again; 4500 to 4999 tell it not to.
"""


def settings_reference() -> str:
    """A Markdown table of all settings."""
    rows = ["| setting | default | meaning |", "| --- | --- | --- |"]
    rows += [f"| `{name}` | {_default(field)} | {field.description} |" for name, field in _leaves(Settings, "")]
    return "\n".join([_SETTINGS_INTRO, *rows, ""])


def errors_reference() -> str:
    """A Markdown table of all error codes."""
    rows = ["| code | HTTP | close | retryable | the usual sentence |", "| --- | --- | --- | --- | --- |"]
    rows += [
        f"| `{code}` | {spec.http} | {spec.close} | {'yes' if spec.retryable else 'no'} | {spec.message} |"
        for code, spec in ERRORS.items()
    ]
    return "\n".join([_ERRORS_INTRO, *rows, ""])


def _leaves(section: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _leaves(inner, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def _default(field: FieldInfo) -> str:
    value = to_jsonable_python(field.get_default(call_default_factory=True, validated_data={}))
    text = value if isinstance(value, str) else json.dumps(value)
    return f"`{text}`" if text else ""
