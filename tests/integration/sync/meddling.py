"""Ways to stand between a use case and Jira or the database: to watch, to break, or to interrupt."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

from digital_spiral.application.ports import Jira, OpenJira, OpenUnitOfWork, UnitOfWork
from digital_spiral.domain.entities.issue import IssueBundle, IssueRef
from digital_spiral.domain.entities.jira_instance import JiraInstance
from digital_spiral.domain.errors import Invalid


class Crash(BaseException):
    """The end of a worker: nothing in the product may catch it."""


class Between:
    """Passes every attribute of ``inner`` on, but for those that are replaced."""

    def __init__(self, inner: object, **replaced: object) -> None:
        self._inner = inner
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


def jira_with(open_jira: OpenJira, **replaced: Callable[..., object]) -> OpenJira:
    """Opens sites some of whose methods are replaced; each gets the real site before its own arguments."""

    @asynccontextmanager
    async def opened(instance: JiraInstance) -> AsyncIterator[Jira]:
        async with open_jira(instance) as jira:
            methods = {name: _bound(method, jira) for name, method in replaced.items()}
            yield cast("Jira", Between(jira, **methods))

    return opened


def _bound(method: Callable[..., object], inner: object) -> Callable[..., object]:
    return lambda *arguments, **named: method(inner, *arguments, **named)


def refusing(error: Exception) -> Callable[..., Awaitable[Any]]:
    """A method that raises ``error``."""

    async def refuse(*_arguments: object, **_named: object) -> object:
        raise error

    return refuse


def watching_issues(
    asked: list[int], then: Callable[[Sequence[int]], Awaitable[None]]
) -> Callable[..., Awaitable[Any]]:
    """``Jira.issues`` that notes the ids it is asked for and does something before it answers."""

    async def issues(jira: Jira, ids: Sequence[int]) -> object:
        asked.extend(ids)
        await then(ids)
        return await jira.issues(ids)

    return issues


def store_with(open_uow: OpenUnitOfWork, meddle: Callable[[UnitOfWork], UnitOfWork]) -> OpenUnitOfWork:
    """Opens units of work that ``meddle`` has changed."""

    @asynccontextmanager
    async def opened(tenant_id: UUID) -> AsyncIterator[UnitOfWork]:
        async with open_uow(tenant_id) as uow:
            yield meddle(uow)

    return opened


def mirror_with(open_uow: OpenUnitOfWork, **replaced: Callable[..., object]) -> OpenUnitOfWork:
    """Opens units of work some of whose mirror's methods are replaced; each gets the real mirror first."""

    def meddle(uow: UnitOfWork) -> UnitOfWork:
        methods = {name: _bound(method, uow.mirror) for name, method in replaced.items()}
        return cast("UnitOfWork", Between(uow, mirror=Between(uow.mirror, **methods)))

    return store_with(open_uow, meddle)


def refusing_issue(open_uow: OpenUnitOfWork, jira_id: int) -> OpenUnitOfWork:
    """A database that refuses every batch which holds this issue."""

    async def upsert(mirror: Any, instance_id: UUID, bundles: Sequence[IssueBundle], *rest: Any, **named: Any) -> Any:  # noqa: ANN401
        if any(bundle.issue.jira_id == jira_id for bundle in bundles):
            raise Invalid("a value is out of range")
        return await mirror.upsert_issues(instance_id, bundles, *rest, **named)

    return mirror_with(open_uow, upsert_issues=upsert)


class RefusedPages:
    """Pages of which the first is refused with ``error``."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __aiter__(self) -> AsyncIterator[list[IssueRef]]:
        return self

    async def __anext__(self) -> list[IssueRef]:
        raise self._error
