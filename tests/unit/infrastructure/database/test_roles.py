"""The SQL that makes the roles, as text; that it works is shown against the real server."""

from digital_spiral.infrastructure.database.roles import DEFAULT_APP_ROLE, DEFAULT_OWNER_ROLE, role_sql
from digital_spiral.infrastructure.embedded import provisioning


def test_the_application_role_gets_nothing_by_default() -> None:
    lines = role_sql("spiral").splitlines()
    grants = [line for line in lines if line.startswith("GRANT") and line.endswith("digital_spiral_app;")]
    assert grants == [
        "GRANT CONNECT, TEMPORARY ON DATABASE spiral TO digital_spiral_app;",
        "GRANT USAGE ON SCHEMA public TO digital_spiral_app;",
    ]
    assert "ALTER ROLE digital_spiral_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION;" in lines


def test_names_of_every_kind_are_quoted() -> None:
    text = role_sql("My DB", "o'wner", 'a"pp')
    assert 'ALTER DATABASE "My DB" OWNER TO "o\'wner";' in text
    assert "rolname = 'o''wner'" in text
    assert 'GRANT USAGE ON SCHEMA public TO "a""pp";' in text


def test_no_password_is_in_the_text() -> None:
    text = role_sql("spiral", "owner", "app")
    assert "PASSWORD" not in text
    assert text.splitlines()[-2:] == ["\\password owner", "\\password app"]


def test_the_embedded_server_has_the_roles_that_migrations_expect() -> None:
    assert (provisioning.OWNER_ROLE, provisioning.APP_ROLE) == (DEFAULT_OWNER_ROLE, DEFAULT_APP_ROLE)
