"""Custom fields of every common kind, and the values issues carry in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from zoneinfo import ZoneInfo

import orjson

from jira_emulator.generate.draws import DAY, pick
from jira_emulator.generate.words import Prose
from jira_emulator.model import Field, User
from jira_emulator.site import Site
from jira_emulator.system_fields import custom_field
from jira_emulator.wire import BASE, Json, timestamp

_PREFIX = "com.atlassian.jira.plugin.system.customfieldtypes"
_FIRST_NUMBER = 10_030
_KINDS: tuple[tuple[str, str, str, str | None], ...] = (
    ("Risk score", "number", "float", None),
    ("Customer reference", "string", "textfield", None),
    ("Target date", "date", "datepicker", None),
    ("Deployed at", "datetime", "datetime", None),
    ("Reviewer", "user", "userpicker", None),
    ("Severity", "option", "select", None),
    ("Affected environments", "array", "multiselect", "option"),
    ("Product area", "option-with-child", "cascadingselect", None),
)
_SEVERITIES = ("Critical", "Major", "Minor", "Cosmetic")
_ENVIRONMENTS = ("Production", "Staging", "Sandbox", "Développement", "On-premises")
_AREAS = {"Storefront": ("Basket", "Catalogue"), "Back office": ("Ledger", "Tax", "Reports"), "Platform": ("API",)}


@dataclass(frozen=True, slots=True)
class Option:
    """A value of a select field, with the values below it."""

    id: str
    value: str
    children: tuple["Option", ...] = ()

    def wire(self) -> Json:
        """The option as Jira embeds it in an issue."""
        return {"self": f"{BASE}/rest/api/3/customFieldOption/{self.id}", "value": self.value, "id": self.id}


@dataclass(frozen=True, slots=True)
class CustomFields:
    """The custom fields of a generated site by name, and their options."""

    fields: dict[str, Field]
    severities: tuple[Option, ...]
    environments: tuple[Option, ...]
    areas: tuple[Option, ...]

    @property
    def severity(self) -> Field:
        """The single select field whose changes appear in histories."""
        return self.fields["Severity"]


def define(site: Site) -> CustomFields:
    """Add one custom field of each kind to the site, under numbers it does not use yet."""
    fields: dict[str, Field] = {}
    number = _FIRST_NUMBER
    for name, kind, key, items in _KINDS:
        while f"customfield_{number}" in site.fields:
            number += 1
        made = custom_field(f"customfield_{number}", name, kind, f"{_PREFIX}:{key}", items=items)
        site.fields[made.id] = fields[name] = made
    return CustomFields(
        fields,
        _options(site, _SEVERITIES),
        _options(site, _ENVIRONMENTS),
        tuple(Option(str(site.next_id()), area, _options(site, parts)) for area, parts in _AREAS.items()),
    )


def _options(site: Site, values: tuple[str, ...]) -> tuple[Option, ...]:
    return tuple(Option(str(site.next_id()), value) for value in values)


@dataclass(slots=True)
class ValueDraw:
    """Draws the values of one issue's custom fields."""

    custom: CustomFields
    zone: ZoneInfo
    users: Mapping[str, orjson.Fragment]
    prose: Prose

    def draw(self, rng: Random, created: int, severity: Option | None, reviewer: User) -> Json:
        """Values by field id; unset fields are ``None`` as Jira shows them.

        Args:
            rng: Where the values come from.
            created: Creation of the issue; dates are later.
            severity: The value of the severity field, which the histories decide.
            reviewer: Who reviews, should the issue have a reviewer.
        """
        chance = rng.random
        values: dict[str, object] = {
            "Risk score": round(chance() * 100, int(chance() * 4)) if chance() < 0.3 else None,
            "Customer reference": f"CR-{int(chance() * 1e6):06d} {self.prose.topic()}" if chance() < 0.25 else None,
            "Target date": timestamp(created + int(chance() * 90) * DAY, self.zone)[:10] if chance() < 0.2 else None,
            "Deployed at": timestamp(created + int(chance() * 30 * DAY), self.zone) if chance() < 0.12 else None,
            "Reviewer": self.users[reviewer.account_id] if chance() < 0.2 else None,
            "Severity": None if severity is None else severity.wire(),
            "Affected environments": self._environments(rng) if chance() < 0.25 else None,
            "Product area": self._area(rng) if chance() < 0.3 else None,
        }
        return {self.custom.fields[name].id: value for name, value in values.items()}

    def _environments(self, rng: Random) -> list[Json]:
        chosen = sorted(rng.sample(range(len(self.custom.environments)), 1 + int(rng.random() * 3)))
        return [self.custom.environments[position].wire() for position in chosen]

    def _area(self, rng: Random) -> Json:
        area = pick(rng, self.custom.areas)
        value = area.wire()
        if rng.random() < 0.8:
            value["child"] = pick(rng, area.children).wire()
        return value
