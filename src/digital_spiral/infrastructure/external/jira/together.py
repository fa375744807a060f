"""Several questions to Jira at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import TypeVar

from digital_spiral.domain.errors import UnreadableAnswer

T = TypeVar("T")


async def together(work: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """The results in order. The first error ends the others and is raised as itself, not in a group."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def in_halves(
    ids: Sequence[int],
    ask: Callable[[Sequence[int], bool], Awaitable[None]],
    give_up: Callable[[int, UnreadableAnswer], None],
    *,
    insist: bool = True,
) -> None:
    """Ask for many ids at once, and where the answer cannot be read, for ever fewer, until the culprits are named.

    Args:
        ids: What to ask for; not empty.
        ask: Asks and keeps what it gets, or raises ``UnreadableAnswer`` and keeps nothing. Its second argument says
            whether to ask again before it does: the whole and the single ids are worth it, the parts between are not.
        give_up: Told of each id whose answer cannot be read even alone.
        insist: Whether this call is for the whole.
    """
    try:
        await ask(ids, insist or len(ids) == 1)
    except UnreadableAnswer as error:
        if len(ids) == 1:
            give_up(ids[0], error)
            return
        middle = len(ids) // 2
        await together(in_halves(part, ask, give_up, insist=False) for part in (ids[:middle], ids[middle:]))
