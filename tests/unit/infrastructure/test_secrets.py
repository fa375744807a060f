"""The master key: made once, kept closed; what it seals opens only with it and in its place."""

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from digital_spiral.infrastructure.config.secrets import (
    MasterKey,
    MasterKeyInvalid,
    MasterKeyMismatch,
    load_master_key,
)
from digital_spiral.infrastructure.config.settings import Settings

KEY = MasterKey(bytes(range(32)))
OTHER = MasterKey(bytes(32))


@given(plaintext=st.binary(max_size=200), context=st.binary(max_size=50))
def test_what_is_sealed_opens_again_and_shows_nothing(plaintext: bytes, context: bytes) -> None:
    sealed = KEY.encrypt(plaintext, context)
    assert KEY.decrypt(sealed, context) == plaintext
    assert len(sealed) == 1 + 12 + len(plaintext) + 16
    assert sealed != KEY.encrypt(plaintext, context)


@given(plaintext=st.binary(max_size=40), position=st.integers(min_value=0), flip=st.integers(1, 255))
def test_altered_bytes_do_not_open(plaintext: bytes, position: int, flip: int) -> None:
    sealed = bytearray(KEY.encrypt(plaintext, b"here"))
    sealed[position % len(sealed)] ^= flip
    with pytest.raises(MasterKeyMismatch):
        KEY.decrypt(bytes(sealed), b"here")


@given(length=st.integers(0, 28))
def test_cut_bytes_do_not_open(length: int) -> None:
    with pytest.raises(MasterKeyMismatch):
        KEY.decrypt(KEY.encrypt(b"", b"")[:length], b"")


def test_another_key_or_place_does_not_open_it_and_the_message_helps() -> None:
    sealed = KEY.encrypt(b"token", b"tenant 1")
    with pytest.raises(MasterKeyMismatch, match=r"Restore the key.*digital-spiral connect"):
        OTHER.decrypt(sealed, b"tenant 1")
    with pytest.raises(MasterKeyMismatch):
        KEY.decrypt(sealed, b"tenant 2")


def test_email_hash_ignores_case_and_space_and_depends_on_the_key() -> None:
    hashed = KEY.hash_email("ada@example.com")
    assert hashed == KEY.hash_email("  Ada@Example.COM ")
    assert hashed.startswith("email:v1:")
    assert len(hashed) == len("email:v1:") + 64
    assert len({hashed, OTHER.hash_email("ada@example.com"), KEY.hash_email("bob@example.com")}) == 3


def test_email_hash_stays_the_same_over_versions() -> None:
    assert KEY.hash_email("ada@example.com") == (
        "email:v1:9aef9dee50d57ce5e108e631b68c2414bca04af4f396bf1e59bc796201ffe9fe"
    )


@given(st.text())
def test_any_text_has_an_email_hash(text: str) -> None:
    assert KEY.hash_email(text) == KEY.hash_email(text.strip())


def test_text_form_shows_no_key() -> None:
    assert "00010203" not in repr(KEY)
    assert repr(bytes(range(32))) not in repr(vars(KEY))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(MasterKeyInvalid, match="32 bytes"):
        MasterKey(bytes(length))


def test_key_file_is_made_once_and_closed(tmp_path: Path) -> None:
    home = tmp_path / "new home"
    hashed = load_master_key(Settings(home=home)).hash_email("a@example.com")
    path = home / "master.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(base64.b64decode(path.read_text())) == 32
    assert load_master_key(Settings(home=home)).hash_email("a@example.com") == hashed
    assert [file.name for file in home.iterdir()] == ["master.key"]


def test_callers_at_the_same_time_get_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda _: False)
    settings = Settings(home=tmp_path)
    with ThreadPoolExecutor(8) as executor:
        hashes = set(executor.map(lambda _: load_master_key(settings).hash_email("a@example.com"), range(16)))
    assert len(hashes) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["master.key"]


def test_key_of_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    text = SecretStr(f" {base64.b64encode(bytes(range(32))).decode()}\n")
    key = load_master_key(Settings(home=tmp_path, master_key=text))
    assert key.hash_email("a@example.com") == KEY.hash_email("a@example.com")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["not base64!", "AAAA", "ключ"])
def test_malformed_key_of_the_environment(tmp_path: Path, text: str) -> None:
    with pytest.raises(MasterKeyInvalid, match="base64") as caught:
        load_master_key(Settings(home=tmp_path, master_key=SecretStr(text)))
    assert text not in str(caught.value)


def test_key_file_that_is_malformed_open_or_out_of_reach(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    path.write_text("not base64!")
    path.chmod(0o644)
    with pytest.raises(MasterKeyInvalid, match=r"open to other accounts.*chmod 600"):
        load_master_key(Settings(home=tmp_path))
    path.chmod(0o600)
    with pytest.raises(MasterKeyInvalid, match=r"master\.key is not base64"):
        load_master_key(Settings(home=tmp_path))
    with pytest.raises(MasterKeyInvalid, match=r"Cannot use the master key file.*--home"):
        load_master_key(Settings(home=path / "home"))


def test_failed_write_of_the_key_file_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MasterKeyInvalid, match="No space left"):
        load_master_key(Settings(home=tmp_path))
    assert list(tmp_path.iterdir()) == []
