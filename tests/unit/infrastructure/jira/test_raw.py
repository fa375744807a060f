import json
import time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digital_spiral.infrastructure.external.jira import raw
from digital_spiral.infrastructure.external.jira.raw import RawRules, has_replacement

Pairs = list[tuple[str, object]]

AWKWARD = (
    *('"', "\\", "/", "u", "0000", "ud800", "\0", "\n", "\x1f", "\x7f", " ", ":", ",", "{", "}"),
    *("\ud800", "\udbff", "\udc00", "\udfff", "\ufffd", "é", "עברית", "\U0001f600", "emailAddress", '"emailAddress":'),
)
texts = st.lists(st.sampled_from(AWKWARD), max_size=6).map("".join)
keys = st.one_of(texts, st.sampled_from(["emailAddress", "emailaddress", 'x"emailAddress', "emailAddress\\"]))
numbers = st.sampled_from(["0", "-0.0", "1.50", "1E400", "12345678901234567890.10", "1e-7"])
documents = st.recursive(
    st.one_of(texts, numbers.map(lambda text: ("number", text)), st.none(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.lists(st.tuples(keys, inner), max_size=4).map(dict)),
    max_leaves=12,
)


def hashed(email: str) -> str:
    return f'"<{len(email)}>\\'


def spelled(text: str, rng: Random) -> str:
    """The text as one of the JSON strings that mean it."""
    return '"' + "".join(_spelled_character(character, rng) for character in text) + '"'


def _spelled_character(character: str, rng: Random) -> str:
    code = ord(character)
    short = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\n": "\\n"}.get(character)
    units = [code] if code < 0x10000 else [0xD7C0 + (code >> 10), 0xDC00 + (code & 0x3FF)]
    escaped = "".join(rng.choice((f"\\u{unit:04x}", f"\\u{unit:04X}")) for unit in units)
    forms = [escaped]
    if short is not None:
        forms.append(short)
    if code >= 0x20 and character not in '"\\' and not 0xD800 <= code <= 0xDFFF:
        forms += [character, character, character]
    return rng.choice(forms)


def written(document: object, rng: Random) -> str:
    gap = rng.choice(("", "", " ", "\n"))
    if isinstance(document, str):
        return spelled(document, rng)
    if isinstance(document, tuple):
        return str(document[1])
    if isinstance(document, list):
        return f"[{gap}" + f"{gap},".join(written(each, rng) for each in document) + "]"
    if isinstance(document, dict):
        members = (f"{spelled(key, rng)}{gap}:{gap}{written(value, rng)}" for key, value in document.items())
        return "{" + f",{gap}".join(members) + "}"
    return json.dumps(document)


def read(text: str | bytes) -> object:
    """The document with objects as lists of pairs and numbers as their digits."""
    return json.loads(text, object_pairs_hook=lambda pairs: ("object", pairs), parse_float=str, parse_int=str)


def storable(text: str) -> str:
    return "".join("\ufffd" if each == "\0" or 0xD800 <= ord(each) <= 0xDFFF else each for each in text)


def walked(document: object) -> object:
    """The two rules on a decoded document: what the work on bytes has to agree with."""
    if isinstance(document, str):
        return storable(document)
    if isinstance(document, list):
        return [walked(each) for each in document]
    if isinstance(document, tuple):
        pairs: Pairs = [
            (storable(key), hashed(storable(value)) if _is_address(key, value) else walked(value))
            for key, value in document[1]
        ]
        return ("object", pairs)
    return document


def _is_address(key: str, value: object) -> bool:
    # ``read`` makes numbers into text too; a number is told by its digits, which no address here has alone.
    return key == "emailAddress" and isinstance(value, str) and value not in ("", *NUMBER_TEXTS)


NUMBER_TEXTS = ("0", "-0.0", "1.50", "1E400", "12345678901234567890.10", "1e-7")


@given(documents, st.randoms(use_true_random=False))
def test_the_rules_on_bytes_agree_with_the_rules_on_the_document(document: object, rng: Random) -> None:
    text = written(document, rng)
    clean = RawRules(hashed).apply(text.encode())
    before = read(text)
    assert read(clean.text) == walked(before)
    assert clean.replaced == (_strings(before) != storable(_strings(before)))
    # What was replaced within an address is gone with it.
    assert has_replacement(clean.text) == clean.replaced or (clean.replaced and b"emailAddress" in clean.text)


def _strings(document: object) -> str:
    if isinstance(document, str):
        return document
    if isinstance(document, list):
        return "".join(map(_strings, document))
    if isinstance(document, tuple):
        return "".join(key + "," + _strings(value) + "," for key, value in document[1])
    return ""


@given(documents, st.randoms(use_true_random=False))
def test_clean_text_stays_clean(document: object, rng: Random) -> None:
    rules = RawRules(lambda email: email)
    once = rules.apply(written(document, rng).encode()).text
    again = rules.apply(once)
    assert read(again.text) == read(once)
    assert not again.replaced


def test_text_that_needs_nothing_is_the_same_object() -> None:
    text = b'{"summary": "plain \\n text", "n": 1.50}'
    clean = RawRules(hashed).apply(text)
    assert clean.text is text
    assert not clean.replaced


def test_one_address_is_hashed_once_and_null_and_empty_stay() -> None:
    asked: list[str] = []

    def hash_email(email: str) -> str:
        asked.append(email)
        return f"h{len(asked)}"

    rules = RawRules(hash_email)
    text = (
        b'[{"emailAddress":"a@b.example"},{"emailAddress" : "a@b.example"},{"emailAddress":null},{"emailAddress":""}]'
    )
    clean = rules.apply(text).text
    assert json.loads(clean) == [
        {"emailAddress": "h1"},
        {"emailAddress": "h1"},
        {"emailAddress": None},
        {"emailAddress": ""},
    ]
    assert asked == ["a@b.example"]


def test_an_escaped_quote_in_a_longer_name_opens_no_key() -> None:
    text = b'{"x\\"emailAddress":"kept","emailAddress":"a@b\\"emailAddress","emailAddress":"c@d"}'
    assert json.loads(RawRules(lambda email: f"<{email}>").apply(text).text, object_pairs_hook=list) == [
        ('x"emailAddress', "kept"),
        ("emailAddress", '<a@b"emailAddress>'),
        ("emailAddress", "<c@d>"),
    ]


def test_remembered_hashes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "_MOST_HASHES", 2)
    asked: list[str] = []

    def hash_email(email: str) -> str:
        asked.append(email)
        return email.upper()

    rules = RawRules(hash_email)
    for address in ("a", "b", "a", "c", "a"):
        assert rules.apply(b'{"emailAddress":"%b"}' % address.encode()).text.endswith(
            b'"%b"}' % address.upper().encode()
        )
    assert asked == ["a", "b", "c", "a"]


@pytest.mark.parametrize(
    "text",
    [
        b'{"emailAddress":"\xff"}',
        b'{"emailAddress":"\\q"}',
        b'{"emailAddress":"never closed',
        b'{"emailAddress"',
        b"\\u00",
    ],
)
def test_what_is_not_json_passes_through(text: bytes) -> None:
    assert RawRules(hashed).apply(text).text == text


def test_three_megabytes_full_of_escapes_take_linear_time() -> None:
    def seconds(size: int) -> float:
        text = b'{"a":"' + b"\\n\\u0000\\\\u\\ud83d\\ude00 word " * (size // 30) + b'","emailAddress":"x@y.example"}'
        started = time.perf_counter()
        assert RawRules(hashed).apply(text).replaced
        return time.perf_counter() - started

    small, large = min(seconds(300_000) for _ in range(3)), seconds(3_000_000)
    assert large < 40 * small
