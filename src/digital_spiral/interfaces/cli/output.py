"""How commands speak: text for people, one JSON object for programs, and errors without tracebacks."""

import getpass
import os
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from typing import ParamSpec

import orjson
import typer
from rich.console import Console

from digital_spiral.domain.errors import Invalid, SpiralError
from digital_spiral.domain.services.redaction import Redaction

P = ParamSpec("P")

SUCCESS = 0
FAILURE = 1
USAGE = 2
INTERRUPTED = 130
"""What a shell reports for a program that SIGINT ended."""


class Output:
    """The two streams of one command.

    Attributes:
        console: Where text for people goes: stdout, or stderr when stdout belongs to the JSON object.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        # Numbers and addresses in plain text stay plain; only what a command marks up is coloured.
        self.console = Console(stderr=as_json, highlight=False)

    def say(self, text: str) -> None:
        """Print a sentence for people, as it is."""
        self.console.print(text, markup=False, soft_wrap=True)

    def answer(self, payload: Mapping[str, object], *text: object) -> None:
        """Print the outcome: ``text`` (strings or rich renderables) for people, or ``payload`` as the last line."""
        if self._as_json:
            typer.echo(orjson.dumps(payload, default=str).decode())
            return
        for part in text:
            self.console.print(part, markup=False, soft_wrap=isinstance(part, str))


def reported(command: Callable[P, None]) -> Callable[P, None]:
    """Turn the errors that the product raises on purpose into a sentence on stderr and an exit status.

    With ``--json`` the last line of stdout then is ``{"error": {"code": ..., "message": ...}}``.
    """

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except SpiralError as error:
            code, message, status = error.code, str(error), USAGE if isinstance(error, Invalid) else FAILURE
        except OSError as error:
            code, message, status = "system", _system_sentence(error), FAILURE
        else:
            return
        if kwargs.get("as_json"):
            typer.echo(orjson.dumps({"error": {"code": code, "message": Redaction().text(message)}}).decode())
        print_error(message)
        raise typer.Exit(status)

    return run


def print_error(message: str) -> None:
    """Print an error for people on stderr, without secrets."""
    clean = _escaped(Redaction().text(message))
    Console(stderr=True, highlight=False).print(f"[bold red]error:[/] {clean}", soft_wrap=True)


def actor() -> str:
    """Who runs this command, in the form the audit log keeps."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # an account without an entry in the user database, as in some containers
        return f"cli:uid-{os.getuid()}"


def read_token(from_environment: str | None, *, from_stdin: bool) -> str:
    """Read a Jira API token: from stdin when asked to, else from the environment, else from a hidden prompt.

    Raises:
        Invalid: There is no token, or nobody to ask for it.
    """
    token = sys.stdin.readline().strip() if from_stdin else (from_environment or "").strip()
    if not token and not from_stdin and sys.stdin.isatty():
        token = str(typer.prompt("Jira API token", hide_input=True, err=True)).strip()
    if not token:
        raise Invalid(
            "No API token was given. Pipe it in with --token-stdin, set DIGITAL_SPIRAL_JIRA_TOKEN, or run the command "
            "in a terminal and type it. Tokens are made at https://id.atlassian.com/manage-profile/security/api-tokens."
        )
    return token


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")


def _system_sentence(error: OSError) -> str:
    place = f" ({error.filename})" if error.filename else ""
    reason = error.strerror or str(error) or type(error).__name__
    return f"The operating system refused: {reason}{place}."
