"""Which secrets distributed mode refuses to start on."""

from __future__ import annotations

import secrets

import pytest

from randomchat.bootstrap.secrets import check_grpc_token, link_key, token_keys
from randomchat.config import Settings, SettingsError

GOOD, OTHER = secrets.token_hex(16), secrets.token_hex(32)
WEAK = {
    "": "not set",
    "x8Fq2": "too short",
    GOOD[:-1]: "too short",
    "a" * 64: "placeholder",
    f"change-me-{GOOD}": "placeholder",
    f"Default {GOOD}": "placeholder",
}


def test_good_secrets_come_as_bytes_the_first_key_first() -> None:
    settings = Settings.model_validate({"secrets": {"token_keys": [GOOD, OTHER], "link_key": OTHER}, "grpc": {"token": GOOD}})
    assert token_keys(settings) == [GOOD.encode(), OTHER.encode()]
    assert link_key(settings) == OTHER.encode()
    check_grpc_token(settings)


@pytest.mark.parametrize(("text", "reason"), WEAK.items())
def test_a_weak_secret_is_refused_by_the_name_of_its_setting(text: str, reason: str) -> None:
    settings = Settings.model_validate({"secrets": {"token_keys": [GOOD, text], "link_key": text}, "grpc": {"token": text}})
    for check, key in ((token_keys, "secrets.token_keys.1"), (link_key, "secrets.link_key"), (check_grpc_token, "grpc.token")):
        with pytest.raises(SettingsError, match=rf"^{key}: .*{reason}") as refusal:
            check(settings)
        assert not text or text not in str(refusal.value)


def test_channel_tokens_need_a_key() -> None:
    with pytest.raises(SettingsError, match=r"^secrets.token_keys: is not set"):
        token_keys(Settings())


def test_no_secret_is_shown_with_the_settings() -> None:
    settings = Settings.model_validate(
        {
            "secrets": {"token_keys": [GOOD], "link_key": GOOD},
            "grpc": {"token": GOOD},
            "cassandra": {"password": GOOD},
            "redis": {"password": GOOD},
            "kafka": {"password": GOOD},
            "s3": {"secret_key": GOOD},
        }
    )
    assert GOOD not in f"{settings!r} {settings.model_dump_json()}"
