"""The secrets of distributed mode: they come from outside, and weak ones are refused."""

from __future__ import annotations

from pydantic import SecretStr

from randomchat.config import Settings, SettingsError

MIN_CHARS = 32
MIN_DIFFERENT = 8
_PLACEHOLDERS = ("change", "default", "example", "secret", "password")


def token_keys(settings: Settings) -> list[bytes]:
    """The keys of channel tokens, the one for new tokens first. Raises `SettingsError`."""
    keys = settings.secrets.token_keys
    if not keys:
        raise SettingsError("secrets.token_keys: is not set; put one random text of 32 characters or more there")
    return [_strong(f"secrets.token_keys.{place}", key) for place, key in enumerate(keys)]


def link_key(settings: Settings) -> bytes:
    """The key of the uploader's links. Raises `SettingsError`."""
    return _strong("secrets.link_key", settings.secrets.link_key)


def check_grpc_token(settings: Settings) -> None:
    """Raise `SettingsError` where the services could not know each other, or anyone could guess how they do."""
    _strong("grpc.token", settings.grpc.token)


def _strong(key: str, secret: SecretStr) -> bytes:
    text = secret.get_secret_value()
    if not text:
        raise SettingsError(f"{key}: is not set; put a random text of {MIN_CHARS} characters or more there")
    if len(text) < MIN_CHARS:
        raise SettingsError(f"{key}: is too short; it must have {MIN_CHARS} characters or more")
    if len(set(text)) < MIN_DIFFERENT or text.lower().startswith(_PLACEHOLDERS):
        raise SettingsError(f"{key}: is a placeholder; put a random text there, such as `openssl rand -hex 32` prints")
    return text.encode()
