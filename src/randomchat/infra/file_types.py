"""Which kinds of files are taken, and how each of them may be served. Neither SVG nor HTML: both can hold scripts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from randomchat.errors import RandomchatError, TooLarge
from randomchat.infra.object_store import StoredObject

_DOWNLOAD = "application/octet-stream"
_PLAIN_TEXT = "text/plain"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class FileType:
    """`mime`: with which type it is served. `aliases`: what else browsers call it."""

    mime: str
    aliases: frozenset[str] = frozenset()

    @property
    def shown(self) -> bool:
        """Whether a browser may show it in its place; it downloads everything else."""
        return self.mime.split("/")[0] in {"image", "audio", "video"}

    def allows(self, mime: str) -> bool:
        """Whether a file of this kind may say that it has this type; parameters do not count."""
        return essence(mime) in {self.mime, *self.aliases}


def _type(mime: str, *aliases: str) -> FileType:
    return FileType(mime, frozenset(aliases))


_JPEG = _type("image/jpeg", "image/jpg", "image/pjpeg")
_TIFF = _type("image/tiff")
_MPEG_AUDIO = _type("audio/mpeg", "audio/mp3")
_MP4_AUDIO = _type("audio/mp4", "audio/x-m4a", "audio/m4a")
_MP4 = _type("video/mp4", "audio/mp4", "video/x-m4v")
_OGG = _type("audio/ogg", "application/ogg", "audio/opus", "video/ogg")
_GZIP = _type("application/gzip", "application/x-gzip", "application/x-compressed-tar")

FILE_TYPES: dict[str, FileType] = {
    "png": _type("image/png"),
    "jpg": _JPEG,
    "jpeg": _JPEG,
    "gif": _type("image/gif"),
    "webp": _type("image/webp"),
    "avif": _type("image/avif"),
    "heic": _type("image/heic", "image/heif"),
    "tif": _TIFF,
    "tiff": _TIFF,
    "bmp": _type("image/bmp", "image/x-ms-bmp"),
    "mp3": _MPEG_AUDIO,
    "m4a": _MP4_AUDIO,
    "aac": _type("audio/aac", "audio/x-aac", "audio/vnd.dlna.adts"),
    "ogg": _OGG,
    "oga": _OGG,
    "opus": _OGG,
    "wav": _type("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"),
    "flac": _type("audio/flac", "audio/x-flac"),
    "weba": _type("audio/webm"),
    "mp4": _MP4,
    "m4v": _MP4,
    "webm": _type("video/webm", "audio/webm"),
    "ogv": _type("video/ogg", "application/ogg"),
    "mov": _type("video/quicktime"),
    "mkv": _type("video/x-matroska", "video/matroska"),
    "avi": _type("video/x-msvideo", "video/avi", "video/vnd.avi"),
    "3gp": _type("video/3gpp"),
    "pdf": _type("application/pdf"),
    "txt": _type(_PLAIN_TEXT),
    "log": _type(_PLAIN_TEXT, "text/x-log"),
    "md": _type(_PLAIN_TEXT, "text/markdown", "text/x-markdown"),
    "csv": _type(_PLAIN_TEXT, "text/csv", "application/vnd.ms-excel"),
    "zip": _type("application/zip", "application/x-zip-compressed", "application/x-zip"),
    "gz": _GZIP,
    "tgz": _GZIP,
    "tar": _type("application/x-tar"),
    "bz2": _type("application/x-bzip2", "application/x-bzip"),
    "xz": _type("application/x-xz"),
    "zst": _type("application/zstd"),
    "7z": _type("application/x-7z-compressed"),
    "rar": _type("application/vnd.rar", "application/x-rar-compressed", "application/x-rar"),
}

_NAMELESS = FileType(_DOWNLOAD, frozenset().union(*({kind.mime, *kind.aliases} for kind in FILE_TYPES.values())))


def file_type(ext: str) -> FileType:
    """The kind of a file by its extension, whose case does not matter; "" is a mere download.

    Raises `type_not_allowed` for those that are not taken.
    """
    kind = FILE_TYPES.get(ext.lower()) if ext else _NAMELESS
    if kind is None:
        raise RandomchatError("Files of this type are not taken.", code="type_not_allowed")
    return kind


def saved_name(name: str, ext: str) -> str:
    """The name under which a file may be saved: one that says what its key says, so that no download turns into a program."""
    own = PurePosixPath(name).suffix.removeprefix(".").lower()
    if own == ext or (own in FILE_TYPES and FILE_TYPES[own] is FILE_TYPES.get(ext)):
        return name
    return f"{name}.{ext}" if ext else name.replace(".", "_")


def check_head(ext: str, head: bytes) -> None:
    """Refuse markup (HTML, SVG, XML) under the name of an image, audio or video. Raises `type_not_allowed`.

    More is not asked of the bytes: they are served with the type of their extension and `nosniff`, so that a file that is not
    what it is called is broken, not dangerous.
    """
    if file_type(ext).shown and _is_markup(head):
        raise RandomchatError("The file is not what its extension says.", code="type_not_allowed")


def examine(found: StoredObject, head: bytes, *, max_bytes: int) -> None:
    """Hold an object against all rules, whichever way it came in. Raises `too_large` and `type_not_allowed`."""
    if found.size > max_bytes:
        raise TooLarge(f"A file may be at most {max_bytes} bytes long.")
    check_head(found.key.ext, head)


def _is_markup(head: bytes) -> bool:
    if head.startswith(_UTF16_MARKS):
        head = head[2:].replace(b"\0", b"")
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")


def essence(mime: str) -> str:
    """A MIME type without its parameters, in lower case."""
    return mime.partition(";")[0].strip().lower()
