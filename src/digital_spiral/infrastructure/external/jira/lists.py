"""Lists as Jira pages them: by number, or as a whole."""

from collections.abc import Iterator

import msgspec

from digital_spiral.domain.errors import UnreadableAnswer
from digital_spiral.infrastructure.external.jira import wire
from digital_spiral.infrastructure.external.jira.client import JiraClient, Query
from digital_spiral.infrastructure.external.jira.decoding import convert_text
from digital_spiral.infrastructure.external.jira.raw import RawRules


class ListReader:
    """Reads whole lists; each element comes as its JSON text, under the rules for raw text."""

    def __init__(self, client: JiraClient, rules: RawRules) -> None:
        self._client = client
        self._rules = rules

    async def pages(self, path: str, size: int, query: Query | None = None) -> list[bytes]:
        """Every element of a ``PageBean`` list. Jira may lower the page size, so a short page is not the end."""
        elements: list[bytes] = []
        before: list[bytes] = []
        while True:
            position = {"startAt": len(elements), "maxResults": size}
            page = await self._client.get(
                path, lambda text: convert_text(text, wire.Page), {**(query or {}), **position}
            )
            values = [self._rules.apply(bytes(value)).text for value in page.values]
            if not values:
                return elements
            _refuse_repetition(path, values, before)
            elements += values
            if page.is_last or (page.is_last is None and page.total is not None and len(elements) >= page.total):
                return elements
            before = values

    async def array(self, path: str) -> list[bytes]:
        """Every element of a list that comes in one piece."""
        return list(await self._client.get(path, self._elements))

    async def arrays(self, path: str, size: int) -> list[bytes]:
        """Every element of a list in pages that do not say which is the last: an empty one is."""
        elements: list[bytes] = []
        before: list[bytes] = []
        while True:
            values = await self._client.get(path, self._elements, {"startAt": len(elements), "maxResults": size})
            if not values:
                return elements
            _refuse_repetition(path, values, before)
            elements += values
            before = values

    def _elements(self, text: bytes) -> list[bytes]:
        return list(self._clean(convert_text(text, list[msgspec.Raw])))

    def _clean(self, elements: list[msgspec.Raw]) -> Iterator[bytes]:
        return (self._rules.apply(bytes(element)).text for element in elements)


def _refuse_repetition(path: str, values: list[bytes], before: list[bytes]) -> None:
    if values == before:
        raise UnreadableAnswer(f"{path} answers two pages with the same content")
