"""One spelling for each address of a Jira site."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digital_spiral.application.use_cases.instances.connect_instance import normalise_address
from digital_spiral.domain.errors import Invalid


@pytest.mark.parametrize(
    ("given_address", "normal"),
    [
        ("https://acme.atlassian.net", "https://acme.atlassian.net"),
        (" HTTPS://Acme.Atlassian.NET:443/jira/software/projects/DEMO?x=1#y ", "https://acme.atlassian.net"),
        ("acme.atlassian.net", "https://acme.atlassian.net"),
        ("acme.atlassian.net.", "https://acme.atlassian.net"),
        ("https://jira.example.com/base/", "https://jira.example.com/base"),
        ("https://jira.example.com:8443", "https://jira.example.com:8443"),
        ("https://api.atlassian.com/ex/jira/11", "https://api.atlassian.com/ex/jira/11"),
        ("http://localhost:8090/", "http://localhost:8090"),
        ("http://emulator.localhost:80", "http://emulator.localhost"),
        ("http://127.8.9.1:8090", "http://127.8.9.1:8090"),
        ("http://[::1]:8090", "http://[::1]:8090"),
    ],
)
def test_an_address_has_one_spelling(given_address: str, normal: str) -> None:
    assert normalise_address(given_address) == normal
    assert normalise_address(normal) == normal


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://",
        "ftp://acme.atlassian.net",
        "https://acme .atlassian.net",
        "https://acme.atlassian.net:port",
        "https://[::1",
        "https://me:secret@acme.atlassian.net",
        "https://token@acme.atlassian.net",
        "http://acme.atlassian.net",
        "http://192.168.1.5:8080",
        "http://localhost.example.com",
    ],
)
def test_what_is_no_address_or_not_safe_is_refused_without_its_secret(address: str) -> None:
    with pytest.raises(Invalid) as refusal:
        normalise_address(address)
    assert "secret" not in str(refusal.value)


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        normal = normalise_address(text)
    except Invalid:
        return
    assert normalise_address(normal) == normal
