"""Certificates on both sides."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from randomchat.config import SettingsError, TlsSettings
from randomchat.errors import Unavailable
from randomchat.infra.grpc_channel import open_channel
from randomchat.infra.grpc_credentials import CallToken
from randomchat.infra.grpc_server import GrpcServer
from randomchat.interfaces.user_grpc import USER_SERVICE, GrpcUserApi
from tests.certificates import Authority
from tests.grpc_site import ADA, HOST, TOKEN, ScriptedUsers, channel_to, grpc_settings, serving


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("MISSING: openssl, to make certificates")
    return Authority.found(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def theirs(ours: Authority) -> Authority:
    return Authority.found(ours.folder.parent / "theirs")


@pytest.fixture(scope="module")
def server_side(ours: Authority) -> TlsSettings:
    return ours.issue("server")


@pytest.fixture(scope="module")
def client_side(ours: Authority) -> TlsSettings:
    return ours.issue("client")


@pytest.fixture
async def server(server_side: TlsSettings) -> AsyncIterator[GrpcServer]:
    async with serving(ScriptedUsers(), grpc_settings(tls=server_side)) as server:
        yield server


async def ask(server: GrpcServer, tls: TlsSettings | None) -> None:
    async with channel_to(f"{HOST}:{server.port}", grpc_settings(tls=tls)) as channel:
        await channel.check()
        assert await GrpcUserApi(channel).authenticate("cookie") == ADA


async def test_two_with_certificates_of_one_authority_talk(server: GrpcServer, client_side: TlsSettings) -> None:
    await ask(server, client_side)


async def test_a_client_without_tls_is_refused(server: GrpcServer) -> None:
    with pytest.raises(Unavailable):
        await ask(server, None)


async def test_a_clients_certificate_of_another_authority_is_refused(
    server: GrpcServer, client_side: TlsSettings, theirs: Authority
) -> None:
    stranger = theirs.issue("stranger")
    with pytest.raises(Unavailable):
        await ask(server, stranger.model_copy(update={"ca_file": client_side.ca_file}))


async def test_a_servers_certificate_of_another_authority_is_refused(
    server: GrpcServer, client_side: TlsSettings, theirs: Authority
) -> None:
    with pytest.raises(Unavailable):
        await ask(server, client_side.model_copy(update={"ca_file": theirs.folder / "ca.pem"}))


async def test_a_client_without_tls_can_not_be_had_by_a_server_without_it(client_side: TlsSettings) -> None:
    async with serving(ScriptedUsers()) as server:
        with pytest.raises(Unavailable):
            await ask(server, client_side)


@pytest.mark.parametrize("key", ["ca_file", "cert_file", "key_file"])
@pytest.mark.parametrize("file", [None, Path("no/such/file.pem")])
def test_a_file_that_is_not_there_is_one_line(key: str, file: Path | None, client_side: TlsSettings) -> None:
    settings = grpc_settings(tls=client_side.model_copy(update={key: file}))
    with pytest.raises(SettingsError, match=rf"^grpc\.tls\.{key}: "):
        GrpcServer(settings, [])
    with pytest.raises(SettingsError, match=rf"^grpc\.tls\.{key}: "):
        open_channel("127.0.0.1:1", settings, "user service", USER_SERVICE)


def test_a_token_does_not_show_itself() -> None:
    assert TOKEN not in repr(CallToken(grpc_settings()))
