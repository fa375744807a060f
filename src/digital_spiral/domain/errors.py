"""Errors, one class per reaction of the caller. Each message is a sentence a user can act on.

``SpiralError`` is the root: ``NotFound``, ``Forbidden``, ``Unauthorized``, ``Unauthenticated``, ``Invalid``,
``Conflict``, ``RateLimited``, ``Unavailable``, ``UnreadableAnswer``, ``LeaseLost`` and ``Misconfigured`` are its kinds.
"""


class SpiralError(Exception):
    """Base of every error this product raises on purpose; ``code`` is stable and machine-readable."""

    code = "error"


class NotFound(SpiralError):
    """The thing asked for does not exist, or may not be seen."""

    code = "not_found"


class Unauthorized(SpiralError):
    """Jira refused the credentials."""

    code = "unauthorized"


class Unauthenticated(SpiralError):
    """A request brought no API key that is known and in force. The sentence is the same whatever the cause."""

    code = "unauthenticated"

    def __init__(self) -> None:
        super().__init__(
            "The API key is missing, unknown, expired or revoked. `digital-spiral keys create` makes one; send it as "
            "`Authorization: Bearer <key>`."
        )


class Forbidden(SpiralError):
    """The account may not do this."""

    code = "forbidden"


class Invalid(SpiralError):
    """The input cannot be used as it is."""

    code = "invalid"


class Conflict(SpiralError):
    """The request contradicts the present state, for instance a second run of one instance."""

    code = "conflict"


class RateLimited(SpiralError):
    """Jira asked to wait; ``retry_after`` is in seconds."""

    code = "rate_limited"

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(SpiralError):
    """A server that is needed does not answer, or only with errors."""

    code = "unavailable"


class UnreadableAnswer(SpiralError):
    """Jira answered with something that is not the JSON it promises."""

    code = "unreadable_answer"


class LeaseLost(SpiralError):
    """Another worker has taken this run; whatever this one has not committed is void."""

    code = "lease_lost"


class Misconfigured(SpiralError):
    """The installation's own settings, roles or keys are wrong."""

    code = "misconfigured"
