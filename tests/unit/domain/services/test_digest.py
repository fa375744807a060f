import pytest
from hypothesis import given
from hypothesis import strategies as st

from digital_spiral.domain.services.digest import canonical, decode, digest, digest_text, issue_digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a":1,"b":[2]}', b'{ "b": [2.0], "a": 1E0 }'),
        (b"12345678", b"1.2345678E7"),
        (b"0", b"-0.0"),
        (b"100000000000000000000", b"1E20"),
        (b"0.1", b"1e-1"),
    ],
)
def test_equal_json_has_an_equal_digest(one: bytes, other: bytes) -> None:
    assert digest(decode(one)) == digest(decode(other))
    assert digest(decode(one)) == digest_text(canonical(decode(other)))


@pytest.mark.parametrize(("one", "other"), [(b"1", b'"1"'), (b"[1,2]", b"[2,1]"), (b"0.1", b"0.11"), (b"null", b"{}")])
def test_other_json_has_another_digest(one: bytes, other: bytes) -> None:
    assert digest(decode(one)) != digest(decode(other))


@pytest.mark.parametrize("text", [b"1e1001", b"-1E-1001"])
def test_numbers_that_no_store_holds_are_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="out of range"):
        decode(text)


def test_what_is_volatile_in_an_issue_does_not_count() -> None:
    issue: dict[str, object] = {"id": "1", "fields": {"summary": "s", "lastViewed": None}}
    viewed: dict[str, object] = {"id": "1", "expand": "names", "fields": {"summary": "s", "lastViewed": "now"}}
    assert issue_digest(issue) == issue_digest(viewed)
    assert issue_digest(issue) != issue_digest({"id": "1", "fields": {"summary": "t"}})
    assert issue_digest({"id": "1"}) == issue_digest({"id": "1", "expand": "names"})
    assert "expand" in viewed


@given(st.dictionaries(st.text(), st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()))
def test_canonical_text_is_a_fixed_point(document: dict[str, object]) -> None:
    once = canonical(decode(canonical(document)))
    assert canonical(decode(once)) == once
