"""Decoding of answers, with the one error that says an answer cannot be read."""

from typing import TypeVar

import msgspec

from digital_spiral.domain.errors import UnreadableAnswer
from digital_spiral.domain.services.digest import decode
from digital_spiral.infrastructure.external.jira.raw import decodable

Shape = TypeVar("Shape")


def decode_object(text: bytes) -> dict[str, object]:
    """The JSON object of a text."""
    try:
        document = decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise UnreadableAnswer(f"the answer is not JSON that can be held: {error}") from error
    if not isinstance(document, dict):
        raise UnreadableAnswer("the answer is not a JSON object")
    return document


def convert(document: object, shape: type[Shape]) -> Shape:
    """The known part of a decoded document."""
    try:
        return msgspec.convert(document, shape, strict=False)
    except msgspec.ValidationError as error:
        raise UnreadableAnswer(f"the answer has another shape than expected: {error}") from error


def convert_text(text: bytes, shape: type[Shape]) -> Shape:
    """The known part of a JSON text."""
    try:
        return _decoded(text, shape)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise UnreadableAnswer(f"the answer is not the JSON that was expected: {error}") from error


def _decoded(text: bytes, shape: type[Shape]) -> Shape:
    try:
        return msgspec.json.decode(text, type=shape, strict=False)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # Jira hands out lone surrogates as it got them; only the few texts that hold one are gone through twice.
        cleaned = decodable(text)
        if cleaned == text:
            raise
        return msgspec.json.decode(cleaned, type=shape, strict=False)
