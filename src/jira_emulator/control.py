"""The control door ``/_emulator/``: what tests and demos do to the emulator itself, behind its own bearer token."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from jira_emulator import drift
from jira_emulator.errors import JiraError, issue_not_found
from jira_emulator.faults import Fault, FaultKind, Faults
from jira_emulator.generate import generate
from jira_emulator.journal import Journal
from jira_emulator.model import Entry, User
from jira_emulator.site import Site
from jira_emulator.wire import Json

T = TypeVar("T")


@dataclass(slots=True)
class Emulator:
    """The parts of a running emulator that the control door reaches."""

    site: Site
    email: str
    latency_ms: float = 0
    populate: Callable[[Site], None] | None = None
    journal: Journal = field(default_factory=Journal)
    faults: Faults = field(default_factory=Faults)


class Seed(msgspec.Struct, forbid_unknown_fields=True):
    """``POST seed``: generate this many issues from this seed."""

    issues: int
    seed: int = 0


class Clock(msgspec.Struct, forbid_unknown_fields=True):
    """``POST clock``: set the offset to the machine's clock, or the time itself, or go forward; milliseconds."""

    offset: int | None = None
    now: int | None = None
    advance: int | None = None


class Latency(msgspec.Struct, forbid_unknown_fields=True):
    """``POST latency``: hold each answer back."""

    ms: float


class Break(msgspec.Struct, forbid_unknown_fields=True):
    """``POST break``: spoil ``issue/bulkfetch`` answers that hold these issues, ``times`` times or for ever."""

    issues: list[str | int]
    kind: Literal["broken-json", "no-fields", "strange-zone"] = "broken-json"
    times: int | None = None


def account(site: Site, email: str) -> User:
    """The account that the credentials belong to, made when the site does not have it."""
    user = site.users.get(site.account_id)
    if user is None:
        user = User(site.account_id, "Emulator Admin", email, time_zone=site.zone.key)
        site.users[site.account_id] = user
    user.email = email
    return user


def mount(emulator: Emulator, token: str) -> Mount:
    """The routes of the control door; each needs ``Authorization: Bearer`` with the control token."""
    doors: dict[str, dict[str, Callable[[Emulator, bytes], Json]]] = {
        "/reset": {"POST": _reset},
        "/seed": {"POST": _seed},
        "/requests": {"GET": _requests, "DELETE": _clear_requests},
        "/clock": {"GET": _clock, "POST": _set_clock},
        "/totals": {"GET": _totals},
        "/latency": {"GET": _latency, "POST": _set_latency},
        "/drift": {"POST": _drift, "PUT": _drift},
        "/break": {"GET": _faults, "POST": _break, "DELETE": _heal},
    }

    def route(path: str, actions: dict[str, Callable[[Emulator, bytes], Json]]) -> Route:
        async def endpoint(request: Request) -> Response:
            expected = f"Bearer {token}".encode()
            given = request.headers.get("authorization", "").encode()
            if not hmac.compare_digest(given, expected):
                return _json({"errorMessages": ["The control door needs its bearer token."], "errors": {}}, 401)
            try:
                return _json(actions[request.method](emulator, await request.body()))
            except JiraError as error:
                return Response(error.body(request.url.path), error.status, media_type="application/json")

        return Route(path, endpoint, methods=list(actions))

    return Mount("/_emulator", routes=[route(path, actions) for path, actions in doors.items()])


def _json(content: Json, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def _read(content: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=shape)
    except msgspec.DecodeError as error:
        raise JiraError(400, str(error)) from error


def _summary(emulator: Emulator) -> Json:
    return {"issues": len(emulator.site.issues), "projects": sorted(p.key for p in emulator.site.projects.values())}


def _reset(emulator: Emulator, _content: bytes) -> Json:
    emulator.site.clear()
    if emulator.populate is not None:
        emulator.populate(emulator.site)
    account(emulator.site, emulator.email)
    emulator.faults.clear()
    emulator.journal.clear()
    return _summary(emulator)


def _seed(emulator: Emulator, content: bytes) -> Json:
    seed = _read(content, Seed)
    try:
        generate(emulator.site, issues=seed.issues, seed=seed.seed)
    except ValueError as error:
        raise JiraError(400, str(error)) from error
    account(emulator.site, emulator.email)
    return _summary(emulator)


class _History(msgspec.Struct):
    """What is counted of a history: the fields that it changed."""

    items: list[msgspec.Raw]


def _totals(emulator: Emulator, _content: bytes) -> Json:
    """What a complete copy of the site holds: things whose number a client can count in its own tables."""
    issues = emulator.site.issues.values()
    return {
        "issues": len(issues),
        "comments": sum(len(issue.comments) for issue in issues),
        "worklogs": sum(len(issue.worklogs) for issue in issues),
        "histories": sum(len(issue.histories) for issue in issues),
        "items": sum(_items(history) for issue in issues for history in issue.histories),
    }


def _items(history: Entry) -> int:
    return len(msgspec.json.decode(history.body, type=_History).items)


def _requests(emulator: Emulator, _content: bytes) -> Json:
    return emulator.journal.report()


def _clear_requests(emulator: Emulator, _content: bytes) -> Json:
    emulator.journal.clear()
    return emulator.journal.report()


def _clock(emulator: Emulator, _content: bytes) -> Json:
    return {"now": emulator.site.now(), "offset": emulator.site.clock_offset}


def _set_clock(emulator: Emulator, content: bytes) -> Json:
    clock = _read(content, Clock)
    site = emulator.site
    if clock.offset is not None:
        site.clock_offset = clock.offset
    if clock.now is not None:
        site.clock_offset += clock.now - site.now()
    site.clock_offset += clock.advance or 0
    return _clock(emulator, content)


def _latency(emulator: Emulator, _content: bytes) -> Json:
    return {"ms": emulator.latency_ms}


def _set_latency(emulator: Emulator, content: bytes) -> Json:
    latency = _read(content, Latency)
    if latency.ms < 0:
        raise JiraError(400, "The latency cannot be negative.")
    emulator.latency_ms = latency.ms
    return _latency(emulator, content)


def _drift(emulator: Emulator, content: bytes) -> Json:
    request = _read(content, drift.Drift)
    issue = emulator.site.find_issue(request.issue)
    if issue is None:
        raise issue_not_found()
    drift.apply(emulator.site, issue, request)
    return {"issue": str(issue.id), "key": issue.key}


def _faults(emulator: Emulator, _content: bytes) -> Json:
    faults = emulator.faults.by_issue
    return {"faults": [{"issue": str(i), "kind": fault.kind, "times": fault.times} for i, fault in faults.items()]}


def _break(emulator: Emulator, content: bytes) -> Json:
    request = _read(content, Break)
    if request.times is not None and request.times < 1:
        raise JiraError(400, "A fault strikes at least once.")
    issues = [emulator.site.find_issue(str(id_or_key)) for id_or_key in request.issues]
    for issue in issues:
        if issue is None:
            raise issue_not_found()
        emulator.faults.put(issue.id, Fault(FaultKind(request.kind), request.times))
    return _faults(emulator, content)


def _heal(emulator: Emulator, content: bytes) -> Json:
    emulator.faults.clear()
    return _faults(emulator, content)
