"""What Alembic runs to reach the database: always on the connection that ``migrate.py`` has opened."""

from alembic import context

from digital_spiral.infrastructure.database.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
