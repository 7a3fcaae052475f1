"""How the services know each other: a shared token in each call, and certificates on both sides where that is set."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from pathlib import Path

import grpc

from randomchat.config import GrpcSettings, SettingsError, TlsSettings

TOKEN_KEY = "authorization"  # noqa: S105 - the name of the header
MIN_TOKEN_CHARS = 32

Metadata = Iterable[tuple[str, str | bytes]]


class CallToken:
    """What each call carries. Raises `SettingsError` where `grpc.token` is missing, too short, or can't be sent."""

    def __init__(self, settings: GrpcSettings) -> None:
        token = settings.token.get_secret_value()
        if len(token) < MIN_TOKEN_CHARS:
            raise SettingsError(f"grpc.token: must have {MIN_TOKEN_CHARS} characters or more")
        if not (token.isascii() and token.isprintable()):
            raise SettingsError("grpc.token: must have printable ASCII characters only")
        self._header = f"Bearer {token}"

    def __repr__(self) -> str:
        return "CallToken()"

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return ((TOKEN_KEY, self._header),)

    def is_in(self, metadata: Metadata) -> bool:
        """Whether a call shows this token; how long that takes tells nothing of how much of it is right."""
        shown = find_token(metadata)
        return shown is not None and hmac.compare_digest(shown, self._header.encode())


def find_token(metadata: Metadata) -> bytes | None:
    """What a call shows as its token, right or wrong."""
    for key, value in metadata:
        if key == TOKEN_KEY:
            return value if isinstance(value, bytes) else value.encode()
    return None


def server_credentials(tls: TlsSettings) -> grpc.ServerCredentials | None:
    """For a server that takes only clients with a certificate; None without TLS. Raises `SettingsError`."""
    if not tls.enabled:
        return None
    ca, cert, key = _read_files(tls)
    return grpc.ssl_server_credentials([(key, cert)], root_certificates=ca, require_client_auth=True)


def channel_credentials(tls: TlsSettings) -> grpc.ChannelCredentials | None:
    """For a client that shows a certificate and checks the server's; None without TLS. Raises `SettingsError`."""
    if not tls.enabled:
        return None
    ca, cert, key = _read_files(tls)
    return grpc.ssl_channel_credentials(ca, key, cert)


def _read_files(tls: TlsSettings) -> tuple[bytes, bytes, bytes]:
    return _read("ca_file", tls.ca_file), _read("cert_file", tls.cert_file), _read("key_file", tls.key_file)


def _read(key: str, file: Path | None) -> bytes:
    if file is None:
        raise SettingsError(f"grpc.tls.{key}: is not set; between services both sides show a certificate")
    try:
        return file.read_bytes()
    except OSError as error:
        raise SettingsError(f"grpc.tls.{key}: {file}: can't be read: {error.strerror}") from error
