"""Values of custom fields, and labels, as typed rows.

| Jira's value | row |
|---|---|
| number | ``value_number`` |
| text | ``value_text`` |
| rich text (ADF) | ``value_text``: its plain text |
| date | ``value_text`` as ``YYYY-MM-DD`` and ``value_time``, its midnight in UTC |
| date and time | ``value_time`` |
| account, option, version, group and other things with an id | ``value_id``, and ``value_text`` as people read it |
| cascading option | position 0 the parent, position 1 the child |
| list | one row per element |
| anything else | ``value_text``: its JSON text |

A date that cannot be read as one stays as text: it may come from an app, and the raw answer holds it too.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from digital_spiral.domain.entities.issue import FieldValue, IssueSprint
from digital_spiral.domain.entities.metadata import CustomField
from digital_spiral.domain.entities.user import User
from digital_spiral.domain.errors import UnreadableAnswer
from digital_spiral.domain.services.digest import canonical
from digital_spiral.infrastructure.external.jira.accounts import Accounts
from digital_spiral.infrastructure.external.jira.adf_text import adf_text
from digital_spiral.infrastructure.external.jira.times import day_or_none, instant

SPRINT = "com.pyxis.greenhopper.jira:gh-sprint"
RANK = "com.pyxis.greenhopper.jira:gh-lexo-rank"
STORY_POINTS = "com.pyxis.greenhopper.jira:jsw-story-points"
STORY_POINT_NAMES = ("story points", "story point estimate")
"""Names that company-managed and team-managed projects give to a plain number field for estimates."""

_PREFIX = "customfield_"
_NAME_KEYS = ("value", "name", "displayName", "key", "title")


@dataclass(frozen=True, slots=True)
class FieldCatalogue:
    """What the parser has to know of a site's custom fields, by field id.

    ``story_points`` lists the fields that may hold them, the likeliest first.
    """

    sprints: frozenset[str] = frozenset()
    ranks: frozenset[str] = frozenset()
    story_points: tuple[str, ...] = ()
    kinds: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, fields: Iterable[CustomField]) -> "FieldCatalogue":
        """Read the catalogue out of the site's fields."""
        every = list(fields)
        points = [one for one in every if _points_order(one) is not None]
        points.sort(key=lambda one: (_points_order(one), one.jira_id))
        return cls(
            sprints=frozenset(one.jira_id for one in every if one.schema_custom == SPRINT),
            ranks=frozenset(one.jira_id for one in every if one.schema_custom == RANK),
            story_points=tuple(one.jira_id for one in points),
            kinds={one.jira_id: kind for one in every if (kind := _kind(one)) is not None},
        )


def _points_order(one: CustomField) -> int | None:
    if one.schema_custom == STORY_POINTS:
        return 0
    name = one.name.casefold()
    if one.schema_type != "number" or name not in STORY_POINT_NAMES:
        return None
    return 1 + STORY_POINT_NAMES.index(name)


def _kind(one: CustomField) -> str | None:
    """``date`` or ``datetime``, also for lists of them: the two kinds that look like text."""
    kind = one.schema_items if one.schema_type == "array" else one.schema_type
    return kind if kind in ("date", "datetime") else None


class FieldValues:
    """Reads the custom fields of issues."""

    def __init__(self, catalogue: FieldCatalogue, accounts: Accounts) -> None:
        self._catalogue = catalogue
        self._accounts = accounts
        self._elsewhere = catalogue.sprints | catalogue.ranks

    def rows(self, issue_id: int, fields: dict[str, object], users: dict[str, User]) -> list[FieldValue]:
        """One row per value; accounts among the values are noted in ``users``."""
        rows: list[FieldValue] = []
        for field_id, value in fields.items():
            if value is None or value == [] or not field_id.startswith(_PREFIX) or field_id in self._elsewhere:
                continue
            for position, part in enumerate(_parts(value)):
                row = FieldValue(issue_id=issue_id, field_id=field_id, position=position)
                self._fill(row, part, users)
                rows.append(row)
        labels = fields.get("labels")
        if isinstance(labels, list):
            rows.extend(
                FieldValue(issue_id=issue_id, field_id="labels", position=position, value_text=label)
                for position, label in enumerate(labels)
                if isinstance(label, str)
            )
        return rows

    def story_points(self, fields: dict[str, object]) -> float | None:
        """The estimate, of the first field that holds one."""
        for field_id in self._catalogue.story_points:
            value = _number(fields.get(field_id))
            if value is not None:
                return value
        return None

    def sprints(self, issue_id: int, fields: dict[str, object]) -> list[IssueSprint]:
        """Every sprint the issue has been in."""
        found: dict[int, None] = {}
        for field_id in self._catalogue.sprints:
            values = fields.get(field_id)
            if isinstance(values, list):
                for value in values:
                    sprint = value.get("id") if isinstance(value, dict) else None
                    if not isinstance(sprint, int):
                        raise UnreadableAnswer(f"{field_id} holds a sprint without an id")
                    found[sprint] = None
        return [IssueSprint(issue_id=issue_id, sprint_id=sprint) for sprint in found]

    def _fill(self, row: FieldValue, value: object, users: dict[str, User]) -> None:
        if isinstance(value, str):
            row.value_text, row.value_time = self._text(row.field_id, value)
        elif isinstance(value, dict):
            self._fill_object(row, value, users)
        else:
            row.value_number = _number(value)
            if row.value_number is None:
                row.value_text = canonical(value).decode()

    def _fill_object(self, row: FieldValue, value: dict[str, object], users: dict[str, User]) -> None:
        account = self._accounts.read(value, users)
        if account is not None:
            row.value_id = account
            row.value_text = users[account].display_name
            return
        if value.get("type") == "doc":
            row.value_text = adf_text(value)
            return
        name = next((text for key in _NAME_KEYS if isinstance(text := value.get(key), str)), None)
        identity = value.get("id", value.get("groupId"))
        if name is None or not isinstance(identity, str | int):
            row.value_text = canonical(value).decode()
            return
        row.value_id = str(identity)
        row.value_text = name

    def _text(self, field_id: str, value: str) -> tuple[str | None, datetime | None]:
        kind = self._catalogue.kinds.get(field_id)
        if kind is None:
            return value, None
        try:
            if kind == "datetime":
                return None, instant(value)
            day = day_or_none(value)
        except UnreadableAnswer:
            return value, None
        return value, None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _parts(value: object) -> list[object]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and isinstance(value.get("child"), dict):
        parent = {key: part for key, part in value.items() if key != "child"}
        return [parent, value["child"]]
    return [value]
