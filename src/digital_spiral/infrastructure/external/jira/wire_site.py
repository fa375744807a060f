"""What is read of Jira's answers about the site itself; see ``wire`` for how."""

from msgspec import Raw, Struct, field

from digital_spiral.infrastructure.external.jira.wire import StatusCategory


class Myself(Struct, rename="camel"):
    """Answer of ``myself``."""

    account_id: str
    display_name: str = ""
    time_zone: str = "UTC"


class Permission(Struct, rename="camel"):
    """Whether the account has one permission."""

    name: str = ""
    have_permission: bool = False


class Permissions(Struct):
    """Answer of ``mypermissions``, by permission key."""

    permissions: dict[str, Permission] = field(default_factory=dict)


class AccountRef(Struct, rename="camel"):
    """A person as a project or a component carries them."""

    account_id: str | None = None


class Project(Struct, rename="camel"):
    """A project."""

    id: int
    key: str
    name: str = ""
    project_type_key: str | None = None
    simplified: bool = False
    lead: AccountRef | None = None
    archived: bool = False


class ProjectDetail(Struct):
    """The parts that the description of one project lists whole."""

    components: list[Raw] = field(default_factory=list)
    versions: list[Raw] = field(default_factory=list)


class Component(Struct):
    """A component of a project."""

    id: int
    name: str = ""
    description: str | None = None
    lead: AccountRef | None = None


class Version(Struct, rename="camel"):
    """A version of a project."""

    id: int
    name: str = ""
    description: str | None = None
    archived: bool = False
    released: bool = False
    start_date: str | None = None
    release_date: str | None = None


class User(Struct, rename="camel"):
    """An account. The address is already its hash."""

    account_id: str
    display_name: str | None = None
    email_address: str | None = None
    active: bool = True
    account_type: str | None = None
    time_zone: str | None = None


class Status(Struct, rename="camel"):
    """A status."""

    id: str
    name: str = ""
    status_category: StatusCategory | None = None


class Named(Struct):
    """A priority or a resolution."""

    id: str
    name: str = ""


class IssueType(Struct, rename="camel"):
    """An issue type."""

    id: str
    name: str = ""
    subtask: bool = False
    hierarchy_level: int | None = None


class FieldSchema(Struct):
    """The type of a field."""

    type: str | None = None
    items: str | None = None
    custom: str | None = None


class CustomField(Struct, rename="camel"):
    """A field; ``untranslated_name`` is there where ``name`` is localised."""

    id: str
    name: str = ""
    custom: bool = False
    untranslated_name: str | None = None
    schema: FieldSchema | None = None


class BoardLocation(Struct, rename="camel"):
    """Where a board lives."""

    project_id: int | None = None


class Board(Struct):
    """A board."""

    id: int
    name: str = ""
    type: str = ""
    location: BoardLocation | None = None


class Sprint(Struct, rename="camel"):
    """A sprint."""

    id: int
    name: str = ""
    state: str = ""
    start_date: str | None = None
    end_date: str | None = None
    complete_date: str | None = None
    origin_board_id: int | None = None
    goal: str | None = None
