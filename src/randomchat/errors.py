"""Every refusal that a client can meet: one tree, and one table that maps it to each protocol.

    RandomchatError            code, message, retryable
    ├── InvalidInput           bad_request          what the client sent can't be understood; names the field
    ├── Unauthorized           unauthorized         no, expired or revoked credential; closed channel
    ├── Forbidden              forbidden            the credential does not allow this
    ├── NotFound               not_found
    ├── Conflict               conflict
    ├── TooLarge               too_large
    ├── RateLimited            rate_limited         with `retry_after_s`
    ├── Overloaded             overloaded           this process is full or going away
    └── Unavailable            unavailable          an engine did not answer; a write may have happened all the same

`RandomchatError` with another code of the table is raised directly. Each edge (REST, sockets, gRPC) maps in one place.
"""

from __future__ import annotations

from dataclasses import dataclass


class Close:
    """The codes with which the server closes a WebSocket; those of 4000 and above are our own, see `ErrorSpec`."""

    DONE = 1000
    NOT_UTF8 = 1007
    INTERNAL = 1011
    GOING_AWAY = 1012
    SLOW = 4008
    TROUBLE = 4012
    REVOKED = 4501
    CHANNEL = 4503
    MISBEHAVING = 4508
    SURPLUS = 4509


@dataclass(frozen=True, slots=True)
class ErrorSpec:
    """How one code appears to clients.

    `http`: status. `grpc`: name of the status. `close`: WebSocket close code; 4000 to 4499 ask the client to reconnect, 4500 to
    4999 tell it not to. `retryable`: may the same request succeed later. `message`: the default sentence for a person.
    """

    http: int
    grpc: str
    close: int
    retryable: bool
    message: str


ERRORS: dict[str, ErrorSpec] = {
    "bad_request": ErrorSpec(400, "INVALID_ARGUMENT", 4500, False, "The request can't be understood."),
    "unauthorized": ErrorSpec(401, "UNAUTHENTICATED", 4501, False, "The credential is missing or no longer valid."),
    "forbidden": ErrorSpec(403, "PERMISSION_DENIED", 4500, False, "This is not allowed."),
    "origin_not_allowed": ErrorSpec(403, "PERMISSION_DENIED", 4500, False, "Requests from that origin are not allowed."),
    "host_not_allowed": ErrorSpec(403, "PERMISSION_DENIED", 4500, False, "This host name is not served here."),
    "not_found": ErrorSpec(404, "NOT_FOUND", 4500, False, "There is nothing here."),
    "unknown_file": ErrorSpec(404, "NOT_FOUND", 4500, False, "There is no such file in this conversation."),
    "method_not_allowed": ErrorSpec(405, "UNIMPLEMENTED", 4500, False, "This method is not allowed here."),
    "conflict": ErrorSpec(409, "ALREADY_EXISTS", 4500, False, "This contradicts what is already there."),
    "too_large": ErrorSpec(413, "RESOURCE_EXHAUSTED", 1009, False, "The request is too large."),
    "uri_too_long": ErrorSpec(414, "INVALID_ARGUMENT", 4500, False, "The address is too long."),
    "type_not_allowed": ErrorSpec(415, "INVALID_ARGUMENT", 4500, False, "Files of this type are not taken."),
    "range_not_satisfiable": ErrorSpec(416, "OUT_OF_RANGE", 4500, False, "There are no such bytes."),
    "upgrade_required": ErrorSpec(400, "FAILED_PRECONDITION", 4500, False, "This address speaks WebSocket only."),
    "rate_limited": ErrorSpec(429, "RESOURCE_EXHAUSTED", 1013, True, "Too many requests; try again later."),
    "headers_too_large": ErrorSpec(431, "INVALID_ARGUMENT", 4500, False, "The request's headers are too large."),
    "internal": ErrorSpec(500, "INTERNAL", 1011, True, "Something went wrong here."),
    "overloaded": ErrorSpec(503, "UNAVAILABLE", 1013, True, "The server is full at the moment; try again later."),
    "unavailable": ErrorSpec(503, "UNAVAILABLE", 4012, True, "A part of the service is away; try again in a moment."),
    # Only in `error` frames of a chat socket:
    "malformed": ErrorSpec(400, "INVALID_ARGUMENT", 4508, False, "The frame can't be understood."),
    "unknown_message": ErrorSpec(404, "NOT_FOUND", 4500, False, "There is no such message of the other member."),
    "channel_full": ErrorSpec(409, "RESOURCE_EXHAUSTED", 4500, False, "This conversation holds no more messages."),
    "resend_first": ErrorSpec(409, "FAILED_PRECONDITION", 4500, True, "An earlier message must be sent again first."),
    "too_late": ErrorSpec(503, "DEADLINE_EXCEEDED", 4012, True, "The message could not be stored in time."),
}


class RandomchatError(Exception):
    """A refusal with a stable code.

    `code`: a key of `ERRORS`. `message`: a sentence for a person, the code's own by default. `retry_after_s`: when to try
    again, where that is known.
    """

    code = "internal"

    def __init__(self, message: str | None = None, *, code: str | None = None, retry_after_s: float | None = None) -> None:
        self.code = code or type(self).code
        self.spec = ERRORS[self.code]
        self.message = message or self.spec.message
        self.retry_after_s = retry_after_s
        super().__init__(self.message)

    @property
    def retryable(self) -> bool:
        return self.spec.retryable


class InvalidInput(RandomchatError):
    """The client's input is wrong; the message names the field and what to do."""

    code = "bad_request"


class Unauthorized(RandomchatError):
    """No credential, or one that is expired, revoked, or of a closed channel."""

    code = "unauthorized"


class Forbidden(RandomchatError):
    """The credential is good, but not for this."""

    code = "forbidden"


class NotFound(RandomchatError):
    """What was asked for does not exist, or is none of the caller's business."""

    code = "not_found"


class Conflict(RandomchatError):
    """What was asked for contradicts what is stored."""

    code = "conflict"


class TooLarge(RandomchatError):
    """More bytes than are taken."""

    code = "too_large"


class RateLimited(RandomchatError):
    """Too many requests of one kind."""

    code = "rate_limited"


class Overloaded(RandomchatError):
    """This process takes no more work at the moment."""

    code = "overloaded"


class Unavailable(RandomchatError):
    """An engine is away or too slow. A write that failed so may have been stored, or may be stored later."""

    code = "unavailable"


_KINDS: tuple[type[RandomchatError], ...] = (
    InvalidInput,
    Unauthorized,
    Forbidden,
    NotFound,
    Conflict,
    TooLarge,
    RateLimited,
    Overloaded,
    Unavailable,
)


def refusal_of(code: str, *, grpc: str, message: str | None = None, retry_after_s: float | None = None) -> RandomchatError:
    """The error that another process told of: of the same class, with the same sentence.

    `grpc`: the name of its status. A code that only a later version knows becomes the class of that status.
    """
    if code not in ERRORS:
        kind = next((kind for kind in reversed(_KINDS) if ERRORS[kind.code].grpc == grpc), Unavailable)
        return kind(message, retry_after_s=retry_after_s)
    kind = next((kind for kind in _KINDS if kind.code == code), RandomchatError)
    return kind(message, code=code, retry_after_s=retry_after_s)
