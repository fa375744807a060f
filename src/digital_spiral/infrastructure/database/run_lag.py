"""How far the copies of an installation are behind, over all tenants together."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from digital_spiral.infrastructure.database.policies import SETTING
from digital_spiral.infrastructure.database.repositories.runs import UNFINISHED
from digital_spiral.infrastructure.database.session import connect
from digital_spiral.infrastructure.database.tables import jira_instances, sync_runs, tenants


@dataclass(slots=True)
class RunLag:
    """The worst of all tenants; names none of them.

    Attributes:
        unfinished: Runs that are queued or running.
        stalled_seconds: Longest time that an unfinished run has shown no progress.
        success_seconds: Longest time since an instance's last run that succeeded, or since it was connected.
    """

    unfinished: int = 0
    stalled_seconds: float = 0.0
    success_seconds: float = 0.0


async def read_run_lag(engine: AsyncEngine) -> RunLag:
    """Look at the runs of all tenants.

    Raises:
        Unavailable: The database does not answer.
    """
    lag = RunLag()
    async with connect(engine) as connection:
        for tenant_id in list(await connection.scalars(sa.select(tenants.c.id))):
            await connection.execute(sa.select(sa.func.set_config(SETTING, str(tenant_id), True)))
            row = (await connection.execute(_OF_TENANT)).one()
            lag.unfinished += row.unfinished
            lag.stalled_seconds = max(lag.stalled_seconds, row.stalled)
            lag.success_seconds = max(lag.success_seconds, row.success)
    return lag


def _seconds_since(moment: sa.ColumnElement[object]) -> sa.ColumnElement[float]:
    age = sa.func.extract("epoch", sa.func.clock_timestamp() - moment)
    return sa.func.coalesce(sa.func.greatest(sa.cast(age, sa.Float), 0.0), 0.0)


_RUN, _INSTANCE = sync_runs.c, jira_instances.c
_LAST_SIGN = sa.func.coalesce(_RUN.progressed_at, _RUN.started_at, _RUN.created_at)
_LAST_SUCCESS = (
    sa.select(sa.func.max(_RUN.finished_at))
    .where(_RUN.instance_id == _INSTANCE.id, _RUN.state == "succeeded")
    .scalar_subquery()
)
_OF_TENANT = sa.select(
    sa.select(sa.func.count()).select_from(sync_runs).where(UNFINISHED).scalar_subquery().label("unfinished"),
    sa.select(_seconds_since(sa.func.min(_LAST_SIGN))).where(UNFINISHED).scalar_subquery().label("stalled"),
    sa.select(_seconds_since(sa.func.min(sa.func.coalesce(_LAST_SUCCESS, _INSTANCE.created_at))))
    .select_from(jira_instances)
    .scalar_subquery()
    .label("success"),
)
