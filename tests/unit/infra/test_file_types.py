"""Which kinds of files are taken."""

from __future__ import annotations

import pytest

from randomchat.errors import RandomchatError
from randomchat.ids import ChannelId
from randomchat.infra.file_types import FILE_TYPES, check_head, examine, file_type, saved_name
from randomchat.infra.object_store import ObjectKey, StoredObject

MARKUP = [
    b"<svg xmlns='http://www.w3.org/2000/svg'>",
    b"<!DOCTYPE html>",
    b"<html>",
    b"<script>alert(1)</script>",
    b"<?xml version='1.0'?><svg/>",
    b" \r\n\t<svg>",
    b"\xef\xbb\xbf<svg>",
    b"\xef\xbb\xbf\n <html>",
    "\ufeff<svg>".encode("utf-16-le"),
    "\ufeff \n<svg>".encode("utf-16-be"),
    b"<!-- -->",
]
RUNNABLE = ["svg", "svgz", "html", "htm", "xhtml", "xml", "js", "mjs", "css", "wasm", "exe", "sh", "php", "mht", "swf", "jar"]
TRICKS = ["SVG", "Html", ".png", "png.html", "png/", "p\u0430ng", "..", "*", "png ", " png", "png\0"]


@pytest.mark.parametrize("ext", FILE_TYPES)
def test_no_kind_is_one_that_a_browser_could_run(ext: str) -> None:
    kind = FILE_TYPES[ext]
    assert not {"svg", "html", "xml", "script", "wasm"} & set(kind.mime.replace("+", "/").split("/"))
    assert kind.allows(kind.mime)
    assert ext == ext.lower()
    assert ObjectKey.new(ChannelId(1), ext, 0).ext == ext


@pytest.mark.parametrize("ext", [*RUNNABLE, *TRICKS])
def test_anything_else_is_refused(ext: str) -> None:
    with pytest.raises(RandomchatError) as refusal:
        file_type(ext)
    assert refusal.value.code == "type_not_allowed"


def test_the_case_of_an_extension_does_not_matter() -> None:
    assert file_type("PNG") is file_type("png")


def test_images_audio_and_video_are_shown_and_all_else_is_saved() -> None:
    assert all(file_type(ext).shown for ext in ("png", "jpg", "webp", "mp3", "ogg", "mp4", "webm"))
    assert not any(file_type(ext).shown for ext in ("pdf", "txt", "zip", "gz", ""))


@pytest.mark.parametrize(
    ("ext", "mime"),
    [
        ("jpg", "image/jpeg"),
        ("m4a", "audio/x-m4a"),
        ("webm", "audio/webm;codecs=opus"),
        ("zip", "application/x-zip-compressed"),
        ("txt", "text/plain; charset=utf-8"),
        ("png", "IMAGE/PNG"),
        ("", "image/png"),
        ("", "application/octet-stream"),
    ],
)
def test_what_browsers_call_a_kind_is_allowed(ext: str, mime: str) -> None:
    assert file_type(ext).allows(mime)


@pytest.mark.parametrize(
    ("ext", "mime"),
    [("png", "image/jpeg"), ("png", "text/html"), ("png", "image/svg+xml"), ("txt", "text/html"), ("", "text/html"), ("", "x")],
)
def test_a_type_that_contradicts_the_extension_is_not(ext: str, mime: str) -> None:
    assert not file_type(ext).allows(mime)


@pytest.mark.parametrize("head", MARKUP)
@pytest.mark.parametrize("ext", ["png", "jpg", "gif", "mp3", "mp4"])
def test_markup_under_the_name_of_something_else_is_refused(ext: str, head: bytes) -> None:
    with pytest.raises(RandomchatError) as refusal:
        check_head(ext, head)
    assert refusal.value.code == "type_not_allowed"


@pytest.mark.parametrize("ext", ["txt", "md", "", "tar", "pdf"])
def test_what_is_only_ever_saved_may_hold_anything(ext: str) -> None:
    for head in MARKUP:
        check_head(ext, head)


@pytest.mark.parametrize("head", [b"\x89PNG\r\n\x1a\n", b"\0\0\0<ftypisom", b"ID3", b"GIF89a<svg>", b"", b"RIFF<"])
def test_media_pass(head: bytes) -> None:
    check_head("mp4", head)


def test_an_object_is_held_against_all_rules() -> None:
    def found(ext: str, size: int) -> StoredObject:
        return StoredObject(ObjectKey.new(ChannelId(1), ext, 0), size, "v1", promoted=False)

    examine(found("png", 10), b"\x89PNG", max_bytes=10)
    for bad, head, code in (
        (found("png", 11), b"\x89PNG", "too_large"),
        (found("svg", 5), b"", "type_not_allowed"),
        (found("png", 5), b"<svg>", "type_not_allowed"),
    ):
        with pytest.raises(RandomchatError) as refusal:
            examine(bad, head, max_bytes=10)
        assert refusal.value.code == code


@pytest.mark.parametrize(
    ("name", "ext", "saved"),
    [
        ("cat.png", "png", "cat.png"),
        ("CAT.JPEG", "jpg", "CAT.JPEG"),
        ("setup.exe", "png", "setup.exe.png"),
        ("setup.exe", "", "setup_exe"),
        ("notes", "txt", "notes.txt"),
        ("README", "", "README"),
    ],
)
def test_a_file_is_saved_as_what_its_key_says(name: str, ext: str, saved: str) -> None:
    assert saved_name(name, ext) == saved
