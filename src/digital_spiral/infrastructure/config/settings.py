"""Every setting of the product, read from the environment once, by the composition root."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from digital_spiral.domain.errors import Misconfigured
from digital_spiral.infrastructure.config.home import default_home

PREFIX = "DIGITAL_SPIRAL_"
# Names with the product's prefix that are read by its test-suite, not by the product.
FOREIGN_NAMES = frozenset({"DIGITAL_SPIRAL_SHARED"})
POSTGRES_SCHEMES = ("postgresql+asyncpg://", "postgresql://", "postgres://")
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")

Concurrency = Annotated[int, Field(ge=1, le=64)]


class Settings(BaseSettings):
    """The settings, each with the environment variable of the same name behind ``DIGITAL_SPIRAL_``.

    The addresses of the servers go by their customary names, without that prefix.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    home: Path = Field(
        default_factory=default_home,
        description="Folder of the embedded servers' data, their passwords and the master key.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("database_url", "DATABASE_URL"),
        description="Address of an external PostgreSQL for the application role. Unset: the embedded server.",
    )
    database_owner_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("database_owner_url", "DATABASE_OWNER_URL"),
        description="Address of the same database for the role that owns the tables. Needed for migrations, and to "
        "make or name tenants.",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("redis_url", "REDIS_URL"),
        description="Address of an external Redis. Unset: the embedded server.",
    )
    master_key: SecretStr | None = Field(
        default=None,
        description="32 bytes in base64. Unset: the file master.key in the home, made on first use.",
    )
    jira_token: SecretStr | None = Field(
        default=None,
        description="API token that `connect` stores. Unset: `connect` asks for it.",
    )
    postgres_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="TCP port of the embedded PostgreSQL on 127.0.0.1. Unset: a free one, kept over restarts.",
    )
    worker_concurrency: Concurrency = Field(default=2, description="Processes of one worker that run tasks.")
    jira_concurrency: Concurrency = Field(default=8, description="Requests to one Jira instance at the same time.")
    batch_size: int = Field(default=500, ge=1, le=10_000, description="Issues written in one transaction.")
    in_flight_issues: int = Field(
        default=1000, ge=1, le=100_000, description="Issues asked for but not yet committed, in one run, at most."
    )
    lease_sweep_seconds: float = Field(
        default=1.0, gt=0, le=60, description="Seconds between two searches for runs whose worker is gone."
    )
    api_host: str = Field(default="127.0.0.1", description="Address that the API listens on.")
    api_port: int = Field(default=8080, ge=0, le=65535, description="Port that the API listens on. 0: a free one.")
    api_processes: Concurrency = Field(default=2, description="Processes that answer requests to the API.")
    metrics_token: SecretStr | None = Field(
        default=None, description="Bearer token that reading the API's /metrics takes. Unset: anybody may read it."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log entry that is written."
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="Form of the log of `api`, `worker`, `beat` and `up`; other commands write text."
    )
    otlp_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[^/]",
        description="Address of an OTLP/HTTP collector that traces are sent to, without /v1/traces. Unset: no tracing.",
    )

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        """Give one folder one name, so that every caller finds the same servers."""
        return home.expanduser().resolve()

    @field_validator("database_url", "database_owner_url", mode="after")
    @classmethod
    def _postgres_address(cls, url: SecretStr | None) -> SecretStr | None:
        """Accept the spellings psql accepts and keep the one SQLAlchemy needs."""
        if url is None:
            return None
        for scheme in POSTGRES_SCHEMES:
            if url.get_secret_value().startswith(scheme):
                return SecretStr(POSTGRES_SCHEMES[0] + url.get_secret_value().removeprefix(scheme))
        raise ValueError("must look like postgresql://role:password@host:5432/database")

    @field_validator("redis_url", mode="after")
    @classmethod
    def _redis_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(REDIS_SCHEMES):
            raise ValueError("must look like redis://host:6379/0, rediss://host:6380/0 or unix:///path/redis.sock")
        return url

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower_case(cls, level: object) -> object:
        return level.lower() if isinstance(level, str) else level


def load_settings(home: Path | None = None) -> Settings:
    """Read the settings from the environment; `home`, given on the command line, wins over its variable.

    Raises:
        Misconfigured: A variable has an impossible value, or a name that is nearly one of ours. Values are
            never repeated in the message, since some are secrets.
    """
    _refuse_unknown_names(os.environ)
    try:
        return Settings() if home is None else Settings(home=home)
    except ValidationError as error:
        problems = [f"{_variable(str(item['loc'][0]))}: {_sentence(item['msg'])}" for item in error.errors()]
        raise Misconfigured("Impossible settings in the environment. " + " ".join(problems)) from None


def _refuse_unknown_names(environment: Mapping[str, str]) -> None:
    known = {_variable(name) for name in Settings.model_fields} | FOREIGN_NAMES
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(sorted(known - FOREIGN_NAMES))}."
            raise Misconfigured(f"{name} is no setting of Digital Spiral. {hint}")


def _variable(location: str) -> str:
    """Return the environment variable of a field, whichever of its names an error report uses."""
    field = location.lower()
    alias = Settings.model_fields[field].validation_alias if field in Settings.model_fields else None
    return field.upper() if alias is not None else PREFIX + field.upper().removeprefix(PREFIX)


def _sentence(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:] + "."
