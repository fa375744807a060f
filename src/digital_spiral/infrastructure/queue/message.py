"""What travels with each message beside its task: when it was sent, and whose work it belongs to."""

import time
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from celery import signals
from celery.app.task import Task

SENT_AT = "sent_at"
"""Header with the moment of sending, in seconds since 1970: tells how long the oldest message has waited."""
IDS = "ds_context"
"""Header with the ids that log entries carry."""

_CARRIED = ("request_id", "tenant_id", "instance_id", "run_id")
_TRACE = ("traceparent", "tracestate")


def stamp_messages() -> None:
    """Put the headers on every message of this process, those of beat included."""

    def stamp(headers: MutableMapping[str, Any] | None = None, **_: object) -> None:
        if headers is not None:
            headers.setdefault(SENT_AT, time.time())
            headers.setdefault(IDS, ids_of_context())

    # Celery's signals are the process's, not the application's: the first of them does for all.
    signals.before_task_publish.connect(stamp, weak=False, dispatch_uid=SENT_AT)


def ids_of_context() -> dict[str, str]:
    """The ids that are bound to the present context."""
    bound = structlog.contextvars.get_contextvars()
    return {name: str(bound[name]) for name in _CARRIED if name in bound}


class MessageTracing(Protocol):
    """Makes spans of messages."""

    def publishing(self, task: str, headers: MutableMapping[str, Any]) -> AbstractContextManager[None]:
        """Surround the sending of a message to ``task``, and add to its headers what carries the trace on."""

    def running(self, message: "Message") -> AbstractContextManager[None]:
        """Surround the work on a message."""

    def shutdown(self) -> None:
        """Send the last spans."""


@dataclass(frozen=True, slots=True)
class Message:
    """What came with a message.

    Attributes:
        task: Name of the task that it asks for.
        ids: The ids that log entries carry.
        trace: The headers that say which trace it is part of.
    """

    task: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)
    trace: Mapping[str, str] = field(default_factory=dict)


def message_of(task: Task) -> Message:
    """The message on which ``task`` works."""
    sent = getattr(task.request, IDS, None)
    ids = {name: str(sent[name]) for name in _CARRIED if name in sent} if isinstance(sent, Mapping) else {}
    headers = ((name, getattr(task.request, name, None)) for name in _TRACE)
    return Message(task.name, ids, {name: value for name, value in headers if isinstance(value, str)})


def bind_ids_of_messages() -> None:
    """Let log entries carry the ids of the message that this process works on, that of a failure included."""

    def bind(task: Task, **_: object) -> None:
        structlog.contextvars.bind_contextvars(**message_of(task).ids)

    def unbind(**_: object) -> None:
        structlog.contextvars.clear_contextvars()

    signals.task_prerun.connect(bind, weak=False, dispatch_uid=IDS)
    signals.task_postrun.connect(unbind, weak=False, dispatch_uid=IDS)
