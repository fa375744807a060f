"""The two shapes of a Jira error answer.

Resources answer ``{"errorMessages": [...], "errors": {...}}``; the router in front of them answers
``application/problem+json``. Sentences are those recorded from live sites.
"""

from collections.abc import Mapping

import msgspec

JSON = "application/json;charset=UTF-8"
PROBLEM = "application/problem+json"

_TITLES = {400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 415: "Unsupported Media Type"}


class JiraError(Exception):
    """An answer that refuses: a status with messages, and errors by field name."""

    media_type = JSON

    def __init__(self, status: int, *messages: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(*messages)
        self.status = status
        self.messages = messages
        self.fields = dict(fields or {})
        self.headers: dict[str, str] = {}

    def body(self, path: str) -> bytes:
        """The answer's body; ``path`` is the path that was asked."""
        del path
        return msgspec.json.encode({"errorMessages": self.messages, "errors": self.fields})


class RouterError(JiraError):
    """A refusal by Jira's router: unknown path, method, media type or an argument of the wrong type."""

    media_type = PROBLEM

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail)
        self.headers = dict(headers or {})

    def body(self, path: str) -> bytes:
        """The problem document (RFC 9457) with the path as its instance."""
        return msgspec.json.encode(
            {
                "type": "about:blank",
                "title": _TITLES[self.status],
                "status": self.status,
                "detail": self.messages[0],
                "instance": path,
            }
        )


def issue_not_found() -> JiraError:
    """What an unknown and an invisible issue both answer."""
    return JiraError(404, "Issue does not exist or you do not have permission to see it.")


def invalid_payload() -> JiraError:
    """What a body of the wrong shape, or with a property its schema lacks, answers."""
    return JiraError(400, "Invalid request payload. Refer to the REST API documentation and try again.")


def unauthenticated() -> JiraError:
    """What missing credentials answer where they are needed, and wrong ones everywhere."""
    error = JiraError(401, "Client must be authenticated to access this resource.")
    error.headers["WWW-Authenticate"] = 'OAuth realm="jira-emulator"'
    return error
