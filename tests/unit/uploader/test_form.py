"""Forms, however they are cut into pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from randomchat.errors import InvalidInput
from randomchat.uploader.form import read_files

KIND = "multipart/form-data; boundary=XX"


def part(name: str, body: bytes, *, field: str = "files", mime: str | None = None) -> bytes:
    head = f'--XX\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
    return head.encode() + (f"Content-Type: {mime}\r\n" if mime else "").encode() + b"\r\n" + body + b"\r\n"


END = b"--XX--\r\n"
BODIES = [b"one", b"", b"--XX \r\n--X\r\n-", bytes(range(256)) * 100]
FORM = b"".join(part(f"{number}.txt", body, mime="text/plain") for number, body in enumerate(BODIES)) + END


async def in_pieces(form: bytes, sizes: list[int]) -> AsyncIterator[bytes]:
    at = 0
    for size in sizes:
        yield form[at : at + size]
        at += size
    yield form[at:]


async def read_all(form: bytes, *sizes: int, kind: str = KIND) -> list[tuple[str, str | None, bytes]]:
    found = []
    async for file in read_files(kind, in_pieces(form, list(sizes))):
        found.append((file.name, file.mime, b"".join([chunk async for chunk in file.chunks])))  # noqa: PERF401
    return found


@given(st.lists(st.integers(0, 3000), max_size=30))
async def test_it_does_not_matter_how_a_form_is_cut(sizes: list[int]) -> None:
    assert await read_all(FORM, *sizes) == [(f"{number}.txt", "text/plain", body) for number, body in enumerate(BODIES)]


async def test_a_form_may_come_byte_by_byte() -> None:
    form = part("a.png", b"\r\n--X\r\n--XX?") + END
    assert await read_all(form, *[1] * len(form)) == [("a.png", None, b"\r\n--X\r\n--XX?")]


async def test_what_is_not_read_of_a_file_is_skipped() -> None:
    names = [file.name async for file in read_files(KIND, in_pieces(FORM, [10, 20]))]
    assert names == ["0.txt", "1.txt", "2.txt", "3.txt"]


async def test_names_are_utf8() -> None:
    assert [name for name, _, _ in await read_all(part("д 'x' %22.png", b"") + END)] == ["д 'x' %22.png"]


@pytest.mark.parametrize("kind", ["", "multipart/form-data", "text/plain; boundary=XX", "multipart/mixed; boundary=XX", "?"])
async def test_only_forms_are_read(kind: str) -> None:
    with pytest.raises(InvalidInput):
        await read_all(FORM, kind=kind)


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"nonsense",
        b"--YY\r\n\r\n\r\n--YY--\r\n",
        FORM.removesuffix(END),
        FORM[:40],
        FORM[:-100],
        b"--XX\r\nno colon\r\n\r\nbody\r\n" + END,
        b"--XX\r\n" + b"A" * 100_000,
        b"--XX\r\n" + b"A: b\r\n" * 1000 + b"\r\n\r\n" + END,
        part("a.png", b"", field="other") + END,
        b'--XX\r\nContent-Disposition: form-data; name="files"\r\n\r\ntext\r\n' + END,
        b"--XX\r\nContent-Type: text/plain\r\n\r\ntext\r\n" + END,
    ],
)
async def test_broken_forms_and_other_fields_are_refused(form: bytes) -> None:
    with pytest.raises(InvalidInput):
        await read_all(form)


async def test_a_boundary_must_have_a_sane_length() -> None:
    with pytest.raises(InvalidInput):
        await read_all(FORM, kind=f"multipart/form-data; boundary={'X' * 5000}")
