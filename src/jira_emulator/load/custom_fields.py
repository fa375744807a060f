"""Custom fields of a source: what kind each is, judged by its values, and the values as Cloud answers them."""

import re

from jira_emulator.load.shapes import instant
from jira_emulator.load.sprints import holds_sprints
from jira_emulator.load.users import Users
from jira_emulator.site import Site
from jira_emulator.system_fields import CUSTOM_TYPE, custom_field
from jira_emulator.wire import BASE, Json, timestamp

_ID = re.compile(r"customfield_[0-9]{1,9}\Z")
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?[+-]\d{4}\Z")
_REST_LINK = re.compile(r"https?://[^/]+(?:/[^/]+)?/rest/")

_Kind = tuple[str, str, str | None]
"""``schema.type``, the last part of ``schema.custom``, ``schema.items``."""
_UNKNOWN: _Kind = ("string", "textfield", None)


class CustomFields:
    """Registers custom fields in the site and converts their values."""

    def __init__(self, site: Site, users: Users) -> None:
        self._site = site
        self._users = users
        self._unseen: set[str] = set()

    def collect(self, fields: Json) -> Json:
        """The custom fields of an issue but its sprints, by field id."""
        found: Json = {}
        for name, value in fields.items():
            if _ID.match(name) is None or holds_sprints(value):
                continue
            if value is None or value == []:
                if name not in self._site.fields:
                    self._unseen.add(name)
            elif name not in self._site.fields:
                self._register(name, _kind(value))
            found[name] = self.convert(value)
        return found

    def register_empty(self) -> None:
        """Register the fields that no issue had a value for; their kind cannot be told."""
        for name in sorted(self._unseen - self._site.fields.keys()):
            self._register(name, _UNKNOWN)

    def _register(self, name: str, kind: _Kind) -> None:
        schema_type, custom, items = kind
        label = f"Custom field {name.removeprefix('customfield_')}"
        self._site.fields[name] = custom_field(name, label, schema_type, f"{CUSTOM_TYPE}:{custom}", items=items)

    def convert(self, value: object) -> object:
        """A value with Cloud's user objects, the site's time zone and links to this site."""
        if isinstance(value, str):
            return self._convert_text(value)
        if isinstance(value, list):
            return [self.convert(item) for item in value]
        if not isinstance(value, dict) or value.get("type") == "doc":
            return value
        if _is_user(value):
            return self._users.shape(value)
        converted = {name: self.convert(item) for name, item in value.items()}
        link = value.get("self")
        if isinstance(link, str):
            converted["self"] = _REST_LINK.sub(f"{BASE}/rest/", link, count=1)
        return converted

    def _convert_text(self, value: str) -> str:
        moment = instant(value) if _MOMENT.match(value) else None
        return value if moment is None else timestamp(moment, self._site.zone)


def _is_user(value: Json) -> bool:
    return "displayName" in value and not value.keys().isdisjoint({"accountId", "name", "key"})


def _kind(value: object) -> _Kind:
    if isinstance(value, bool):
        return ("any", "textfield", None)
    if isinstance(value, int | float):
        return ("number", "float", None)
    if isinstance(value, str):
        return _text_kind(value)
    if isinstance(value, dict):
        return _object_kind(value)
    return _list_kind(value) if isinstance(value, list) else _UNKNOWN


def _text_kind(value: str) -> _Kind:
    if _DATE.match(value):
        return ("date", "datepicker", None)
    return ("datetime", "datetime", None) if _MOMENT.match(value) else _UNKNOWN


def _object_kind(value: Json) -> _Kind:
    if _is_user(value):
        return ("user", "userpicker", None)
    if value.get("type") == "doc":
        return ("string", "textarea", None)
    if "value" in value:
        return ("option-with-child", "cascadingselect", None) if "child" in value else ("option", "select", None)
    return ("any", "textfield", None)


def _list_kind(value: list[object]) -> _Kind:
    first = value[0] if value else ""
    if isinstance(first, dict):
        return ("array", "multiuserpicker", "user") if _is_user(first) else ("array", "multicheckboxes", "option")
    return ("array", "labels", "string")
