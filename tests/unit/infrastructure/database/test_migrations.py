"""The migration scripts as a set; what they do is shown against the real server."""

import importlib.resources
import re

from alembic.script import ScriptDirectory

from digital_spiral.infrastructure.database import migrate

PACKAGE = importlib.resources.files("digital_spiral.infrastructure.database") / "migrations"


def scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(migrate._config("app"))


def test_the_history_is_one_line() -> None:
    assert len(scripts().get_heads()) == 1
    assert len(scripts().get_bases()) == 1
    assert migrate.head() == scripts().get_heads()[0]


def test_file_names_begin_with_their_revision() -> None:
    for revision in scripts().walk_revisions():
        assert re.fullmatch(rf"{revision.revision}_[a-z_]+\.py", revision.path.rsplit("/", 1)[1])


def test_every_revision_can_be_taken_back() -> None:
    for revision in scripts().walk_revisions():
        assert callable(revision.module.upgrade)
        assert callable(revision.module.downgrade)


def test_no_migration_reads_the_present_tables() -> None:
    """A migration is a record of its time; today's metadata would change what it made."""
    for file in (PACKAGE / "versions").iterdir():
        if file.name.endswith(".py"):
            assert "database.tables" not in file.read_text("utf-8")


def test_the_template_for_new_revisions_is_shipped() -> None:
    assert "def downgrade() -> None:" in (PACKAGE / "script.py.mako").read_text("utf-8")
