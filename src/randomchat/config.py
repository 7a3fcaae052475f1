"""The settings: one typed tree, defaults < YAML file < environment (`RANDOMCHAT_CHAT__MESSAGE__MAX_BYTES`) < flags."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ENV_PREFIX = "RANDOMCHAT_"
Port = Annotated[int, Field(ge=0, le=65535)]
_ORIGIN = re.compile(r"https?://(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?/?", re.ASCII | re.IGNORECASE)


class SettingsError(Exception):
    """The settings can't be used; the message is one line that names the key."""


class Section(BaseModel):
    """A part of the tree."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least severe level that is written.")
    format: Literal["text", "json"] = Field("text", description="For people, or one JSON object a line.")


class AdminSettings(Section):
    """Health and metrics, on an address of their own."""

    host: str = Field("127.0.0.1", description="Where `/livez`, `/readyz` and `/metrics` listen. Keep it private.")
    port: Port = Field(0, description="0 takes a free port; the start-up text says which.")


class LimitSettings(Section):
    """Limits that protect the service from its users. Sizes and the cut of misbehaving sockets (4508) are always on."""

    enabled: bool = Field(True, description="Turns every rate and count limit off where false: for load tests only.")
    accounts_per_hour: PositiveInt = Field(100, description="New accounts an hour and address (IPv6: and /64 network).")
    sockets_per_user: PositiveInt = Field(5, description="Chat sockets of one user; one more closes the oldest with 4509.")
    connections: PositiveInt = Field(20_000, description="Connections of one process; more are refused before any work.")


class UserSettings(Section):
    """Accounts and sessions."""

    name_max_chars: PositiveInt = Field(15, description="Longest name, in code points after trimming.")
    session_days: PositiveFloat = Field(30, description="How long a session lives.")


class WideningSettings(Section):
    """How a search asks for less the longer it lasts."""

    common_interest_s: float = Field(5, ge=0, description="Seconds for which a person with interests waits for one in common.")
    same_language_s: float = Field(10, ge=0, description="Seconds for which a person with a language waits for the same one.")


class MatchSettings(Section):
    """The search for a partner."""

    widening: WideningSettings = Field(default_factory=WideningSettings)
    recent_partners: int = Field(10, ge=0, le=20, description="How many of the last partners are not matched again.")
    recent_partners_hours: PositiveFloat = Field(24, description="For how long they are not.")
    result_ttl_s: PositiveFloat = Field(60, description="How long a result waits for a person who lost the socket.")
    waiting_every_s: PositiveFloat = Field(5, description="Seconds between two frames that say: still waiting.")


class MessageSettings(Section):
    """One message, and how many."""

    max_bytes: PositiveInt = Field(4096, le=16_384, description="Longest text, in bytes of UTF-8.")
    per_second: PositiveFloat = Field(20, description="Messages a second and socket, sustained.")
    burst: PositiveInt = Field(60, description="Messages of a socket that may come at once.")


class TokenSettings(Section):
    """The credential of one member for one channel."""

    ttl_hours: PositiveFloat = Field(24, description="How long a channel token is good.")


class PresenceSettings(Section):
    """When a member counts as gone."""

    clean_grace_s: float = Field(2, ge=0, description="From the clean close of the last socket to `offline`.")
    broken_grace_s: float = Field(15, ge=0, description="From the break of the last socket to `offline`.")
    typing_s: PositiveFloat = Field(6, description="After this time without a sign the server ends a member's typing.")


class SweepSettings(Section):
    """The safety net of delivery: how often a channel with live sockets is read again."""

    every_s: PositiveFloat = Field(60, le=60, description="A live channel is read again at the latest after this time.")
    quiet_s: PositiveFloat = Field(20, description="And after this time without traffic, if there was some since the last sweep.")
    margin_s: PositiveFloat = Field(30, description="How far a sweep reaches back behind the last one.")
    reads_per_second: PositiveInt = Field(500, description="Most reads a second of one node.")


class HistorySettings(Section):
    """How often a conversation may be read over REST."""

    per_second: PositiveFloat = Field(5, description="Pages of history a second and member, sustained, of one process.")
    burst: PositiveInt = Field(20, description="Pages of a member that may be asked for at once.")


class ChatSettings(Section):
    """Messages, their delivery and their sockets."""

    message: MessageSettings = Field(default_factory=MessageSettings)
    token: TokenSettings = Field(default_factory=TokenSettings)
    presence: PresenceSettings = Field(default_factory=PresenceSettings)
    sweep: SweepSettings = Field(default_factory=SweepSettings)
    history: HistorySettings = Field(default_factory=HistorySettings)
    max_messages: PositiveInt = Field(5000, description="About how many messages a channel holds.")
    page: PositiveInt = Field(5200, description="Messages of a history page where the client names no limit.")
    outbound_max_bytes: PositiveInt = Field(1 << 20, description="Bytes that may wait for one socket before 4008.")
    beat_every_s: PositiveFloat = Field(20, description="Seconds between WebSocket pings; no answer in as long ends the socket.")


class UploaderSettings(Section):
    """Files."""

    max_bytes: PositiveInt = Field(64 << 20, description="Largest file.")
    link_minutes: PositiveFloat = Field(5, description="How long a link for an upload or a download is good.")
    per_minute: PositiveInt = Field(30, description="Uploads a minute and user.")
    least_bytes_per_second: PositiveInt = Field(4096, description="An upload that is slower for `slow_s` seconds is given up.")
    slow_s: PositiveFloat = Field(30, description="See `least_bytes_per_second`.")
    keep_free_bytes: int = Field(256 << 20, ge=0, description="Room on the disk that files leave to everything else.")


class RetentionSettings(Section):
    """How long things are kept."""

    days: PositiveFloat = Field(7, description="Messages, files, closed channels, and accounts without a live session.")
    every_s: PositiveFloat = Field(3600, description="Seconds between two runs of the job that removes what is older.")


class TlsSettings(Section):
    """An encrypted connection to an engine or a service."""

    enabled: bool = Field(False, description="Encrypt, and check the other side's certificate.")
    ca_file: Path | None = Field(None, description="Certificates (PEM) of who may sign the other side's; the system's if unset.")
    cert_file: Path | None = Field(None, description="The own certificate (PEM), where the other side asks for one.")
    key_file: Path | None = Field(None, description="The key (PEM) of `cert_file`.")


class CassandraSettings(Section):
    """Accounts, channels and messages, in distributed mode."""

    hosts: list[str] = Field(["127.0.0.1"], min_length=1, description="Some nodes of the cluster; the others are found.")
    port: Port = Field(9042, description="Of all nodes.")
    keyspace: str = Field("randomchat", pattern=r"^[a-z][a-z0-9_]{0,47}$", description="`randomchat migrate` makes it.")
    data_center: str = Field("datacenter1", description="The data centre of this process: its nodes alone are asked.")
    replication: dict[str, PositiveInt] = Field(
        {"datacenter1": 3}, min_length=1, description="Copies in each data centre, for a new keyspace."
    )
    username: str = Field("", description="Empty where the cluster asks for none.")
    password: SecretStr = Field(SecretStr(""), description="Of `username`.")
    tls: TlsSettings = Field(default_factory=TlsSettings)
    timeout_s: float = Field(2.0, gt=0, le=5, description="How long one request may take.")
    in_flight: PositiveInt = Field(512, description="Most requests of one process at a time; more wait for their turn.")


class RedisSettings(Section):
    """Waiting people, routes, leases and shared rate limits, in distributed mode: a Redis Cluster."""

    nodes: list[str] = Field(["127.0.0.1:6379"], min_length=1, description="Some nodes, as host:port; the others are found.")
    username: str = Field("", description="Empty where the cluster asks for none.")
    password: SecretStr = Field(SecretStr(""), description="Empty where the cluster asks for none.")
    tls: TlsSettings = Field(default_factory=TlsSettings)
    timeout_s: float = Field(1.0, gt=0, le=5, description="How long one command may take, with its repetitions.")


class KafkaSettings(Section):
    """Posts between nodes, in distributed mode."""

    brokers: list[str] = Field(["127.0.0.1:9092"], min_length=1, description="Some brokers, as host:port; the others are found.")
    replication: PositiveInt = Field(3, description="Copies of each topic.")
    min_insync: PositiveInt = Field(2, description="Copies that must have a post before it counts as sent.")
    sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field("", description="Empty: no password.")
    username: str = Field("", description="For SASL.")
    password: SecretStr = Field(SecretStr(""), description="For SASL.")
    tls: TlsSettings = Field(default_factory=TlsSettings)


class S3Settings(Section):
    """Files, in distributed mode: a bucket of S3 or of a store that speaks its protocol."""

    endpoint: str = Field("", description="The store's address as this process reaches it; empty: Amazon's own.")
    public_url: str = Field("", description="The store's address as browsers reach it; empty: `endpoint`.")
    region: str = Field("us-east-1", description="Of the bucket.")
    bucket: str = Field(
        "randomchat", pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", description="`randomchat migrate` makes it and sets it up."
    )
    access_key: str = Field("", description="Empty: what the environment or the machine's role offers.")
    secret_key: SecretStr = Field(SecretStr(""), description="Of `access_key`.")
    path_style: bool = Field(True, description="The bucket's name in the path, not in the host name.")
    ca_file: Path | None = Field(None, description="Certificates (PEM) of who may sign the store's; the system's if unset.")
    timeout_s: PositiveFloat = Field(5.0, description="How long the store may be silent.")

    @field_validator("endpoint", "public_url")
    @classmethod
    def _address_is_an_origin(cls, value: str) -> str:
        return _checked_origin(value)

    @property
    def public_origin(self) -> str:
        """The origin of the links by which browsers reach the bucket."""
        scheme, _, host = (self.public_url or self.address).partition("://")
        return f"{scheme}://{host}" if self.path_style else f"{scheme}://{self.bucket}.{host}"

    @property
    def address(self) -> str:
        """Where this process reaches the store."""
        return self.endpoint or f"https://s3.{self.region}.amazonaws.com"


class GrpcSettings(Section):
    """Calls between the services, in distributed mode. Keep the address private."""

    host: str = Field("127.0.0.1", description="Where the user and the chat service listen for the other services.")
    port: Port = Field(9090, description="0 takes a free one.")
    user: str = Field("127.0.0.1:9090", description="Where the user service answers: host:port, or any name that gRPC resolves.")
    chat: str = Field("127.0.0.1:9091", description="Where the chat service answers.")
    token: SecretStr = Field(SecretStr(""), description="What the services show each other, 32 characters or more.")
    tls: TlsSettings = Field(default_factory=TlsSettings)
    timeout_s: float = Field(3.0, gt=0, le=10, description="How long one call may take, with its repetitions.")


class SecretSettings(Section):
    """What signs, in distributed mode; in embedded mode it is made and kept in the data directory."""

    token_keys: list[SecretStr] = Field(
        default_factory=list,
        max_length=2,
        description="Sign channel tokens: the first the new ones, the second is still believed. 32 characters or more each.",
    )
    link_key: SecretStr = Field(SecretStr(""), description="Signs links to the uploader: 32 characters or more.")


class Settings(BaseSettings):
    """All settings of a process."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True, nested_model_default_partial_update=True
    )

    host: str = Field("127.0.0.1", description="The address that people's browsers reach.")
    port: Port = Field(8080, description="0 takes a free one.")
    data_dir: Path = Field(Path("data"), description="The folder of the database and of the secrets.")
    public_url: str = Field(
        "", description="The address in people's browsers, where a proxy stands before it: https://chat.example."
    )
    allowed_hosts: list[str] = Field(
        default_factory=list, description="Host names that are served, besides localhost, the bound address and `public_url`'s."
    )
    allowed_origins: list[str] = Field(
        default_factory=list, description="Origins of other sites whose pages may use this server, e.g. https://school.example."
    )
    trusted_proxies: list[str] = Field(
        default_factory=list, description="Addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed."
    )
    log: LogSettings = Field(default_factory=LogSettings)
    admin: AdminSettings = Field(default_factory=AdminSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    user: UserSettings = Field(default_factory=UserSettings)
    match: MatchSettings = Field(default_factory=MatchSettings)
    chat: ChatSettings = Field(default_factory=ChatSettings)
    uploader: UploaderSettings = Field(default_factory=UploaderSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    node_name: str = Field(
        "",
        pattern=r"^[A-Za-z0-9_-]{0,64}$",
        description="How this process's name among its like begins; empty: the host's.",
    )
    cassandra: CassandraSettings = Field(default_factory=CassandraSettings)
    redis: RedisSettings = Field(default_factory=RedisSettings)
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    s3: S3Settings = Field(default_factory=S3Settings)
    grpc: GrpcSettings = Field(default_factory=GrpcSettings)
    secrets: SecretSettings = Field(default_factory=SecretSettings)

    @field_validator("public_url")
    @classmethod
    def _public_url_is_an_origin(cls, value: str) -> str:
        return _checked_origin(value)

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_networks(cls, value: list[str]) -> list[str]:
        for entry in value:
            network_of(entry)
        return value


def _checked_origin(value: str) -> str:
    """An empty text, or scheme, host and port of a web address. Raises `ValueError`."""
    if value and not _ORIGIN.fullmatch(value):
        raise ValueError("must look like https://chat.example, without a path")
    return value.rstrip("/").lower()


def network_of(text: str) -> IPv4Network | IPv6Network:
    """The network that an address or a network in CIDR form names; `ValueError` where it is neither."""
    return ip_network(text, strict=False)


def load_settings(file: Path | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings from their sources.

    `file`: a YAML file. `flags`: what the command line says, as a nested mapping; None values count as not given.
    Raises `SettingsError` with one line that names the key.
    """
    _refuse_unknown_variables()
    try:
        from_env = Settings().model_dump(exclude_unset=True)
    except ValidationError as error:
        raise SettingsError(_explain(error, where="environment")) from error
    tree = _merge(_read_yaml(file) if file else {}, from_env)
    tree = _merge(tree, {key: value for key, value in (flags or {}).items() if value is not None})
    try:
        return Settings(**tree)
    except ValidationError as error:
        raise SettingsError(_explain(error, where=str(file) if file else "settings")) from error


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: is not UTF-8 text") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{file}{line}: not valid YAML: {getattr(error, 'problem', None) or error}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise SettingsError(f"{file}: must hold keys and values, such as `port: 8080`")
    return tree


def _merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return merged


def _refuse_unknown_variables() -> None:
    """A misspelt variable is an error too; pydantic-settings looks only for the names that it knows."""
    known = {name.upper() for name in Settings.model_fields}
    for variable in os.environ:
        if variable.upper().startswith(ENV_PREFIX):
            first = variable.upper().removeprefix(ENV_PREFIX).split("__")[0]
            if first not in known:
                raise SettingsError(f"environment: {variable}: there is no such setting")


def _explain(error: ValidationError, where: str) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    reason = "there is no such setting" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
    return f"{where}: {key}: {reason}"
