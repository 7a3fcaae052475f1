"""What the logs look like, and what never gets into them."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from randomchat.config import LogSettings
from randomchat.infra.telemetry import configure_logging

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("randomchat").setLevel(logging.NOTSET)


def fail(message: str) -> None:
    raise ValueError(message)


def configured(**settings: str) -> io.StringIO:
    stream = io.StringIO()
    configure_logging(LogSettings.model_validate(settings), stream)
    return stream


def test_text_is_one_line_with_its_values() -> None:
    stream = configured()
    structlog.get_logger("randomchat.chat").info("a socket closed", code=4503)
    assert "a socket closed" in stream.getvalue()
    assert "code=4503" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


def test_json_is_one_object_a_line_with_its_traceback() -> None:
    stream = configured(format="json")
    try:
        fail("broken")
    except ValueError:
        structlog.get_logger("randomchat.chat").exception("a request failed", path="/api/user")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["path"]) == ("a request failed", "error", "/api/user")
    assert "ValueError: broken" in line["exception"]


def test_less_severe_lines_than_asked_for_are_left_out() -> None:
    stream = configured(level="warning")
    structlog.get_logger("randomchat.chat").info("quiet")
    structlog.get_logger("randomchat.chat").warning("loud")
    assert "quiet" not in stream.getvalue()
    assert "loud" in stream.getvalue()


def test_libraries_are_heard_from_warnings_on() -> None:
    stream = configured(level="debug", format="json")
    logging.getLogger("some.library").info("quiet")
    logging.getLogger("some.library").warning("loud")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["loud"]


@pytest.mark.parametrize("kind", ["text", "json"])
def test_credentials_are_masked_wherever_they_stand(kind: str) -> None:
    stream = configured(format=kind)
    log = structlog.get_logger("randomchat.chat")
    log.warning("GET", path="/api/chat?uid=1&access_token=SECRET&after=0", cookie="sid=SECRET; x=1")
    try:
        fail(f"bad token {TOKEN}")
    except ValueError:
        log.exception("failed")
    logging.getLogger("some.library").error("Authorization: Bearer %s", TOKEN)
    assert TOKEN not in stream.getvalue()
    assert "SECRET" not in stream.getvalue()
    assert stream.getvalue().count("***") == 4
    assert "after=0" in stream.getvalue()


def test_a_traceback_shows_no_values_of_variables() -> None:
    stream = configured()
    secret = "SEC" + "RET"
    try:
        fail(secret.lower())
    except ValueError:
        structlog.get_logger("randomchat.chat").exception("failed")
    assert "ValueError: secret" in stream.getvalue()
    assert "SECRET" not in stream.getvalue()
