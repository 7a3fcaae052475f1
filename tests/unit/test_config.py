"""Where settings come from, and what is said about wrong ones."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from randomchat.config import ENV_PREFIX, S3Settings, Settings, SettingsError, load_settings, network_of

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in os.environ:
        if variable.startswith(ENV_PREFIX):
            monkeypatch.delenv(variable)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        file = tmp_path / "settings.yaml"
        file.write_text(text, "utf-8")
        return file

    return write


def test_flags_beat_variables_beat_the_file_beats_the_defaults(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write("host: 10.0.0.1\nport: 1\nchat:\n  message:\n    max_bytes: 5\n    burst: 6\n")
    monkeypatch.setenv("RANDOMCHAT_PORT", "2")
    monkeypatch.setenv("RANDOMCHAT_CHAT__MESSAGE__MAX_BYTES", "7")
    settings = load_settings(file, {"port": 3, "host": None})
    assert (settings.host, settings.port, settings.data_dir) == ("10.0.0.1", 3, Path("data"))
    assert (settings.chat.message.max_bytes, settings.chat.message.burst) == (7, 6)
    assert load_settings(file).port == 2


def test_limits_can_be_turned_off_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANDOMCHAT_LIMITS__ENABLED", "false")
    assert not load_settings().limits.enabled


def test_an_empty_file_changes_nothing(write: Write) -> None:
    assert load_settings(write("# nothing\n")) == Settings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("port: [", "settings.yaml, line 1: not valid YAML"),
        ("- port", "settings.yaml: must hold keys and values"),
        ("portt: 1", "portt: there is no such setting"),
        ("chat:\n  mesage: 1", "chat.mesage: there is no such setting"),
        ("port: many", "port: "),
        ("port: 70000", "port: "),
        ("public_url: chat.example", "public_url: must look like https://chat.example"),
        ("public_url: https://chat.example/path", "public_url: "),
        ("trusted_proxies: [proxy.example]", "trusted_proxies: "),
        ("chat:\n  message:\n    max_bytes: 0", "chat.message.max_bytes: "),
    ],
)
def test_a_bad_file_is_one_line_that_names_the_key(write: Write, text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(write(text))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.yaml: can't be read"):
        load_settings(tmp_path / "missing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        load_settings(tmp_path / "binary.yaml")


@pytest.mark.parametrize("variable", ["RANDOMCHAT_PROT", "RANDOMCHAT_CHAT__MESAGE__BURST", "RANDOMCHAT_PORT"])
def test_a_bad_variable_is_named(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "x")
    with pytest.raises(SettingsError, match=r"^environment: \S+: \S"):
        load_settings()


def test_a_bad_flag_is_named() -> None:
    with pytest.raises(SettingsError, match="port: "):
        load_settings(flags={"port": 70_000})


def test_the_public_url_loses_its_last_slash() -> None:
    assert Settings(public_url="https://chat.example/").public_url == "https://chat.example"


@pytest.mark.parametrize(
    "value",
    ["chat.example", "https://chat.example/x", "https://a b", "ftp://a", "https://a;img-src", "https://u@a", "https://a?b"],
)
def test_a_public_url_is_an_origin_and_nothing_more(value: str) -> None:
    for tree in ({"public_url": value}, {"s3": {"endpoint": value}}, {"s3": {"public_url": value}}):
        with pytest.raises(SettingsError, match="must look like"):
            load_settings(flags=tree)


def test_links_to_files_have_the_origin_at_which_browsers_reach_the_bucket() -> None:
    assert S3Settings().public_origin == "https://s3.us-east-1.amazonaws.com"
    assert S3Settings(region="eu-west-1", path_style=False).public_origin == "https://randomchat.s3.eu-west-1.amazonaws.com"
    assert S3Settings(endpoint="http://10.0.0.1:9000/").public_origin == "http://10.0.0.1:9000"
    assert (
        S3Settings(endpoint="http://10.0.0.1:9000", public_url="https://Files.example").public_origin == "https://files.example"
    )
    assert S3Settings(public_url="https://files.example", path_style=False).public_origin == "https://randomchat.files.example"


def test_an_address_is_a_network_of_one() -> None:
    assert str(network_of("10.0.0.1")) == "10.0.0.1/32"
    assert str(network_of("10.0.0.1/8")) == "10.0.0.0/8"


def test_every_setting_is_described() -> None:
    schema = Settings.model_json_schema()
    sections = [schema, *schema["$defs"].values()]
    bare = [name for section in sections for name, field in section["properties"].items() if "$ref" not in field]
    described = [name for section in sections for name, field in section["properties"].items() if field.get("description")]
    assert bare == described
