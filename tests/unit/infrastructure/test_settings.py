"""Settings: where each comes from, and how a wrong one is reported."""

import os
from pathlib import Path

import pytest

from digital_spiral.domain.errors import Misconfigured
from digital_spiral.infrastructure.config.home import default_home, make_home
from digital_spiral.infrastructure.config.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("DIGITAL_SPIRAL_") or name in {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("DIGITAL_SPIRAL_HOME", str(tmp_path))


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIGITAL_SPIRAL_HOME")
    settings = load_settings()
    assert settings.home == default_home().resolve()
    assert (settings.database_url, settings.database_owner_url, settings.redis_url) == (None, None, None)
    assert (settings.batch_size, settings.in_flight_issues, settings.lease_sweep_seconds) == (500, 1000, 1.0)


def test_every_setting_is_explained() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_environment_then_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DIGITAL_SPIRAL_BATCH_SIZE", "10")
    monkeypatch.setenv("DIGITAL_SPIRAL_LOG_LEVEL", "DEBUG")
    settings = load_settings()
    assert (settings.home, settings.batch_size, settings.log_level) == (tmp_path.resolve(), 10, "debug")
    assert load_settings(tmp_path / "other").home == tmp_path.resolve() / "other"


def test_home_has_one_name_however_it_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    homes = {load_settings(Path(name)).home for name in ("real", "link", "~/real", str(tmp_path / "x" / ".." / "real"))}
    assert homes == {tmp_path.resolve() / "real"}


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_spellings_of_a_database_address(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://app:word@host/spiral")
    url = load_settings().database_url
    assert url is not None
    assert url.get_secret_value() == "postgresql+asyncpg://app:word@host/spiral"


def test_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("DIGITAL_SPIRAL_BATCH_SIZE", "")
    assert (load_settings().database_url, load_settings().batch_size) == (None, 500)


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("DATABASE_URL", "mysql://app:secret-word@host/spiral", "must look like postgresql://"),
        ("DATABASE_OWNER_URL", "host:secret-word", "must look like postgresql://"),
        ("REDIS_URL", "http://secret-word", "must look like redis://"),
        ("DIGITAL_SPIRAL_BATCH_SIZE", "secret-word", "valid integer"),
        ("DIGITAL_SPIRAL_BATCH_SIZE", "0", "greater than or equal to 1"),
        ("DIGITAL_SPIRAL_LEASE_SWEEP_SECONDS", "0", "greater than 0"),
        ("DIGITAL_SPIRAL_POSTGRES_PORT", "70000", "less than or equal to 65535"),
        ("DIGITAL_SPIRAL_LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_impossible_value_names_its_variable_and_never_the_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, hint: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as caught:
        load_settings()
    assert f"{name}: " in str(caught.value)
    assert hint in str(caught.value)
    assert "secret-word" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_all_impossible_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "x")
    monkeypatch.setenv("DIGITAL_SPIRAL_BATCH_SIZE", "x")
    with pytest.raises(Misconfigured, match=r"REDIS_URL: .*DIGITAL_SPIRAL_BATCH_SIZE: "):
        load_settings()


def test_misspelt_name_is_refused_with_the_right_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITAL_SPIRAL_BATCHSIZE", "10")
    with pytest.raises(Misconfigured, match=r"BATCHSIZE is no setting.*Did you mean DIGITAL_SPIRAL_BATCH_SIZE\?"):
        load_settings()


def test_unknown_name_is_refused_with_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITAL_SPIRAL_QQQQQQQQQQQQQQQQQQQQQQQQQQQQ", "10")
    with pytest.raises(Misconfigured, match=r"Known are .*DATABASE_URL.*DIGITAL_SPIRAL_HOME"):
        load_settings()


def test_name_that_only_the_tests_read_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITAL_SPIRAL_SHARED", "/somewhere")
    assert load_settings().batch_size == 500


def test_text_form_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL"):
        monkeypatch.setenv(name, "postgresql://app:secret-word@host/spiral")
    monkeypatch.setenv("REDIS_URL", "redis://:secret-word@host/0")
    monkeypatch.setenv("DIGITAL_SPIRAL_MASTER_KEY", "secret-word")
    settings = load_settings()
    assert "secret-word" not in f"{settings!r} {settings} {settings.model_dump_json()}"


@pytest.mark.parametrize(("uid", "expected"), [(0, "/var/lib/digital-spiral"), (1000, "/data/digital-spiral")])
def test_default_home_of_root_and_of_a_user(monkeypatch: pytest.MonkeyPatch, uid: int, expected: str) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert default_home() == Path(expected)


@pytest.mark.parametrize(("uid", "mode"), [(0, 0o755), (1000, 0o700)])
def test_new_home_is_open_only_where_another_account_must_pass(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, uid: int, mode: int
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    assert make_home(tmp_path / "a" / "home").stat().st_mode & 0o777 == mode


def test_home_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    assert make_home(tmp_path).stat().st_mode & 0o777 == 0o750
