"""Tenants: made and named by the owner role, known to the application role by id alone."""

from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from digital_spiral.domain.entities.tenancy import Tenant
from digital_spiral.domain.errors import Conflict
from digital_spiral.infrastructure.database.session import connect
from digital_spiral.infrastructure.database.tables import tenants


async def create_tenant(owner_engine: AsyncEngine, name: str) -> Tenant:
    """Make a tenant.

    Args:
        owner_engine: Engine of the role that owns the tables; the application role may not write here.
        name: Its name, unique in the installation.

    Raises:
        Conflict: The name is taken.
    """
    statement = (
        insert(tenants)
        .values(id=uuid4(), name=name, created_at=sa.func.now())
        .on_conflict_do_nothing()
        .returning(*tenants.c)
    )
    async with connect(owner_engine) as connection:
        row = (await connection.execute(statement)).one_or_none()
        await connection.commit()
    if row is None:
        raise Conflict(f"A tenant with the name {name!r} exists already.")
    return Tenant(**row._mapping)


async def find_tenant(owner_engine: AsyncEngine, name: str) -> Tenant | None:
    """The tenant with this name; only the owner role may read names."""
    async with connect(owner_engine) as connection:
        row = (await connection.execute(sa.select(tenants).where(tenants.c.name == name))).one_or_none()
    return None if row is None else Tenant(**row._mapping)


async def tenant_ids(engine: AsyncEngine) -> list[UUID]:
    """Ids of all tenants, ascending."""
    async with connect(engine) as connection:
        return list(await connection.scalars(sa.select(tenants.c.id).order_by(tenants.c.id)))
