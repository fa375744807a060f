"""How the parts of an answer look on the wire: Jira's JSON shapes, shared by every resource that embeds them.

Links are written with the placeholder ``BASE``; the door that answers a request replaces it with the address the
client asked, so stored JSON stays valid on every host.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from jira_emulator.model import (
    STATUS_CATEGORIES,
    Component,
    IssueType,
    LinkType,
    Priority,
    Project,
    Resolution,
    Status,
    StatusCategory,
    User,
    Version,
)

BASE = "http://emulator.invalid"

Json = dict[str, object]

_ID_DIGITS = 18
"""Ids fit in 64 bits."""


def timestamp(instant: int, zone: ZoneInfo) -> str:
    """Jira's own form of an instant: milliseconds and an offset without colon, in the site's time zone."""
    # `isoformat` is three times as fast as `strftime`, and a large site prints hundreds of thousands of instants.
    moment = datetime.fromtimestamp(instant // 1000, zone).isoformat()
    return f"{moment[:19]}.{instant % 1000:03d}{moment[19:22]}{moment[23:25]}"


def agile_timestamp(instant: int) -> str:
    """The form of sprint dates: UTC with a final ``Z``."""
    moment = datetime.fromtimestamp(instant / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{instant % 1000:03d}Z"


def _avatars(path: str) -> dict[str, str]:
    return {f"{size}x{size}": f"{BASE}/{path}?size={size}" for size in (16, 24, 32, 48)}


def user(account: User) -> Json:
    """A user as embedded in issues, comments and histories."""
    shape: Json = {
        "self": f"{BASE}/rest/api/3/user?accountId={account.account_id}",
        "accountId": account.account_id,
        "avatarUrls": _avatars(f"secure/useravatar/{account.account_id}"),
        "displayName": account.display_name,
        "active": account.active,
        "timeZone": account.time_zone,
        "accountType": account.account_type,
    }
    if account.email is not None:
        shape["emailAddress"] = account.email
    return shape


def status_category(category: StatusCategory) -> Json:
    """A status category."""
    return {
        "self": f"{BASE}/rest/api/3/statuscategory/{category.id}",
        "id": category.id,
        "key": category.key,
        "colorName": category.color,
        "name": category.name,
    }


def status(value: Status) -> Json:
    """A status with its category."""
    return {
        "self": f"{BASE}/rest/api/3/status/{value.id}",
        "description": value.description,
        "iconUrl": f"{BASE}/images/icons/statuses/generic.png",
        "name": value.name,
        "id": value.id,
        "statusCategory": status_category(STATUS_CATEGORIES[value.category_id]),
    }


def issue_type(value: IssueType) -> Json:
    """An issue type."""
    return {
        "self": f"{BASE}/rest/api/3/issuetype/{value.id}",
        "id": value.id,
        "description": value.description,
        "iconUrl": f"{BASE}/rest/api/2/universal_avatar/view/type/issuetype/avatar/{value.id}",
        "name": value.name,
        "subtask": value.subtask,
        "hierarchyLevel": value.hierarchy_level,
    }


def priority(value: Priority) -> Json:
    """A priority."""
    return {
        "self": f"{BASE}/rest/api/3/priority/{value.id}",
        "iconUrl": f"{BASE}/images/icons/priorities/{value.id}.svg",
        "name": value.name,
        "id": value.id,
    }


def resolution(value: Resolution) -> Json:
    """A resolution."""
    return {
        "self": f"{BASE}/rest/api/3/resolution/{value.id}",
        "id": value.id,
        "description": value.description,
        "name": value.name,
    }


def project(value: Project) -> Json:
    """A project as embedded in an issue."""
    shape: Json = {
        "self": f"{BASE}/rest/api/3/project/{value.id}",
        "id": value.id,
        "key": value.key,
        "name": value.name,
        "projectTypeKey": value.type_key,
        "simplified": False,
        "avatarUrls": _avatars(f"rest/api/3/universal_avatar/view/type/project/avatar/{value.id}"),
    }
    if value.category is not None:
        shape["projectCategory"] = value.category
    return shape


def link_type(value: LinkType) -> Json:
    """A kind of issue link."""
    return {
        "id": value.id,
        "name": value.name,
        "inward": value.inward,
        "outward": value.outward,
        "self": f"{BASE}/rest/api/3/issueLinkType/{value.id}",
    }


def component(value: Component) -> Json:
    """A component as embedded in an issue."""
    shape: Json = {"self": f"{BASE}/rest/api/3/component/{value.id}", "id": value.id, "name": value.name}
    if value.description:
        shape["description"] = value.description
    return shape


def version(value: Version) -> Json:
    """A version as embedded in an issue."""
    shape: Json = {"self": f"{BASE}/rest/api/3/version/{value.id}", "id": value.id}
    if value.description:
        shape["description"] = value.description
    shape |= {"name": value.name, "archived": value.archived, "released": value.released}
    if value.release_date is not None:
        shape["releaseDate"] = value.release_date
    return shape


def parse_timestamp(text: str) -> int | None:
    """The instant that a timestamp in Jira's form stands for; ``None`` when it has another form."""
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
    except ValueError:
        return None
    return round(moment.timestamp() * 1000)


def read_id(text: str) -> int | None:
    """The number an id stands for; ``None`` when the text is no id."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _ID_DIGITS else None
