"""The DDL of row security as text; what it does is shown against the real server."""

import pytest

from digital_spiral.infrastructure.database.policies import expose_columns, isolate, quoted, store_uncompressed


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("digital_spiral_app", "digital_spiral_app"),
        ("Spiral", '"Spiral"'),
        ("app-role", '"app-role"'),
        ('a"b', '"a""b"'),
        ("1st", '"1st"'),
        ("", '""'),
    ],
)
def test_names_are_quoted_when_they_must_be(name: str, sql: str) -> None:
    assert quoted(name) == sql


def test_a_tenant_table_is_closed_before_it_is_opened() -> None:
    statements = isolate("notes", "the app")
    assert statements[0] == "ALTER TABLE notes ENABLE ROW LEVEL SECURITY"
    assert statements[1] == "ALTER TABLE notes FORCE ROW LEVEL SECURITY"
    assert statements[2].startswith('CREATE POLICY tenant_isolation ON notes TO "the app" USING (tenant_id = (SELECT ')
    assert statements[2].count("app.tenant_id") == 2
    assert statements[3:] == [
        'REVOKE ALL ON notes FROM PUBLIC, "the app"',
        'GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO "the app"',
    ]


def test_columns_are_exposed_for_reading_only() -> None:
    assert expose_columns("tenants", ("id", "made"), "app") == [
        "REVOKE ALL ON tenants FROM PUBLIC, app",
        "GRANT SELECT (id, made) ON tenants TO app",
    ]


def test_storage() -> None:
    assert store_uncompressed("issues", "raw_jsonb") == "ALTER TABLE issues ALTER COLUMN raw_jsonb SET STORAGE EXTERNAL"
