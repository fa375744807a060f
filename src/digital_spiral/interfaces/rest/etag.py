"""Entity tags (RFC 9110, section 8.8): an answer names its content, and is not sent to who has it already."""

import hashlib
import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

DIGEST_BYTES = 16

_TAG = re.compile(r'"[\x21\x23-\x7e\x80-\xff]*"')


def etag_of(body: bytes) -> str:
    """Return the strong entity tag of these bytes."""
    return f'"{hashlib.blake2b(body, digest_size=DIGEST_BYTES).hexdigest()}"'


def matches(if_none_match: str, etag: str) -> bool:
    """Whether a condition names ``etag``: it is ``*``, or a list with it, as a strong or a weak tag."""
    return if_none_match.strip() == "*" or etag in _TAG.findall(if_none_match)


class ETagRoute(APIRoute):
    """A route whose good answers carry an entity tag and honour ``If-None-Match``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with the tag added."""
        handle = super().get_route_handler()

        async def tagged(request: Request) -> Response:
            response = await handle(request)
            if response.status_code != 200:
                return response
            etag = etag_of(bytes(response.body))
            condition = ",".join(request.headers.getlist("if-none-match"))
            if condition and matches(condition, etag):
                return Response(status_code=304, headers={"ETag": etag})
            response.headers["ETag"] = etag
            return response

        return tagged
