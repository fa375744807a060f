"""Secrets and e-mail addresses do not leave the program in a text; ordinary words do."""

import base64
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digital_spiral.domain.services.redaction import REDACTED, Redaction, known_secrets

API_KEY = f"ds_{'0123456789abcdef' * 2}_abcd2345_{'Xy-_' * 10}abc"
JIRA_TOKEN = "ATATT3xFfGF0_abc-DEF=1234ABCD"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-_"
MASTER_KEY = base64.b64encode(bytes(range(200, 232))).decode()
EMAIL = "pat.doe+jira@mail.example.com"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"key {API_KEY} was refused", API_KEY),
        (f"wrong key ds_{'z' * 20}", "z" * 20),
        (f"token={JIRA_TOKEN}", JIRA_TOKEN),
        (f"ATCTT3{JIRA_TOKEN[6:]}", JIRA_TOKEN[6:]),
        (f"Bearer {API_KEY}", API_KEY),
        ("authorization: bearer opaque-token", "opaque-token"),
        ("Basic cGF0OnNlY3JldA==", "cGF0OnNlY3JldA"),
        ("{'Authorization': 'Basic cGF0OnNlY3JldA=='}", "cGF0OnNlY3JldA"),
        ("(b'Set-Cookie', b'sid=abc123; Path=/')", "abc123"),
        ("Cookie: sid=abc123", "abc123"),
        ("postgresql://app:p%40ss@db.example/copy", "p%40ss"),
        ("redis://:hunter2@cache:6379/0", "hunter2"),
        ("https://me:pa@ss@jira.example/rest", "pa@ss"),
        (f"the key is {MASTER_KEY}.", MASTER_KEY),
        (f"mail to {EMAIL}!", EMAIL),
        ("?user=pat%40mail.example.com&x=1", "pat%40mail"),
        (f"jwt {JWT}", JWT),
        ('{"api_key": "abcdef"}', "abcdef"),
        ("{'client_secret': 'abcdef', 'a': 1}", "abcdef"),
        ("?access_token=abcdef&x=1", "abcdef"),
        ("password: s3cret-word", "s3cret-word"),
        (r"{\"token\": \"abcdef\"}", "abcdef"),
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(text: str, secret: str) -> None:
    hidden = Redaction().text(text)
    assert secret not in hidden
    assert REDACTED in hidden
    assert Redaction().text(hidden) == hidden


@pytest.mark.parametrize(
    "text",
    [
        "Run 7103ec7f-b70b-4e12-9968-9dff55d0508b failed.",
        "The account's API tokens expire after a year at most. Check the e-mail address and the API token.",
        "DIGITAL_SPIRAL_MASTER_KEY: must be 32 bytes in base64.",
        "postgresql://digital_spiral_app@/digital_spiral?host=/run/pg&passfile=/home/u/pgpass",
        "PostgreSQL refused the role or its password. Check DATABASE_URL.",
        "digital_spiral_seconds_since_last_success 3",
        'File "/srv/app.py", line 3, in send\n    raise Unavailable(text)',
        "GET /rest/api/3/issue/DEMO-1/comment?startAt=0 -> 200 in 3.2 ms",
        "",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert Redaction().text(text) == text


def test_values_of_secret_names_are_hidden_at_any_depth() -> None:
    value = {
        "token": "abc",
        "nested": [{"Authorization": {"scheme": "x"}, "x-api-key": b"abc"}, ("jira_password", "kept as text")],
        "count": 3,
        "tokens_expire": None,
        EMAIL: 1,
    }
    assert Redaction().value(value) == {
        "token": REDACTED,
        "nested": [{"Authorization": REDACTED, "x-api-key": REDACTED}, ["jira_password", "kept as text"]],
        "count": 3,
        "tokens_expire": None,
        REDACTED: 1,
    }


def test_objects_bytes_and_deep_nests_become_clean_text() -> None:
    deep: object = {"token": "buried"}
    for _ in range(20):
        deep = [deep]
    redaction = Redaction()
    assert redaction.value(ValueError(f"of {EMAIL}")) == f"of {REDACTED}"
    assert redaction.value(f"of {EMAIL}".encode()) == f"of {REDACTED}"
    assert "buried" not in str(redaction.value(deep))


def test_known_secrets_are_hidden_whatever_they_look_like() -> None:
    secrets = known_secrets(
        ["plain word secret", None, "", "abc"],
        ["postgresql://app:p%40ssword@db/x", "redis://cache/0", None, "unix:///run/redis.sock"],
    )
    redaction = Redaction(secrets)
    assert redaction.text("a plain word secret, p@ssword or p%40ssword") == f"a {REDACTED}, {REDACTED} or {REDACTED}"
    assert redaction.text("the abc") == "the abc"


def test_a_text_beyond_measure_is_cut() -> None:
    assert Redaction().text("x" * 100_000).endswith(" ... (67232 more characters)")


@pytest.mark.parametrize(
    "part", ["token", "eyJaaaaaa", "ds_", "a@", "http://", "a.", "-a", "Bearer ", "cookie:", "%40"]
)
def test_no_text_keeps_the_patterns_busy(part: str) -> None:
    began = time.process_time()
    Redaction().text(part * (32_000 // len(part)))
    assert time.process_time() - began < 2


secret_characters = st.text(string.ascii_letters + string.digits + "-_", min_size=20, max_size=60)
surroundings = st.text(max_size=30).filter(lambda text: not text or not (text[-1].isalnum() or text[-1] in "_-+/.=%"))


@given(before=surroundings, secret=secret_characters, after=st.sampled_from(["", " ", ", next", "\n", '"', "'", ")"]))
def test_tokens_are_hidden_in_any_surroundings(before: str, secret: str, after: str) -> None:
    for token in (f"ds_{secret}", f"ATATT{secret}", f"Bearer {secret}"):
        assert secret not in Redaction().text(f"{before}{token}{after}")
