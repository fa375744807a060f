"""What issues are described with: fields, issue types, statuses, priorities, resolutions, link types."""

from jira_emulator import wire
from jira_emulator.call import Answer, Call, ok
from jira_emulator.model import STATUS_CATEGORIES, Field, Priority, Resolution
from jira_emulator.operations import operation
from jira_emulator.paging import page_bean
from jira_emulator.wire import Json


@operation("getFields")
def fields(call: Call) -> Answer:
    """``GET field``: a bare array of system and custom fields."""
    return ok([_field(field) for field in call.site.fields.values()])


@operation("getIssueAllTypes")
def issue_types(call: Call) -> Answer:
    """``GET issuetype``."""
    return ok([wire.issue_type(kind) for kind in call.site.issue_types.values()])


@operation("getStatuses")
def statuses(call: Call) -> Answer:
    """``GET status``."""
    return ok([wire.status(status) for status in call.site.statuses.values()])


@operation("getStatusCategories")
def status_categories(_call: Call) -> Answer:
    """``GET statuscategory``: the same four on every site."""
    return ok([wire.status_category(category) for category in STATUS_CATEGORIES.values()])


@operation("getPriorities")
def priorities(call: Call) -> Answer:
    """``GET priority``, deprecated but served."""
    return ok([_priority(priority) for priority in call.site.priorities.values()])


@operation("searchPriorities")
def search_priorities(call: Call) -> Answer:
    """``GET priority/search``."""
    wanted = set(call.names("id"))
    name = call.query.get("priorityName", "").casefold()
    found = [
        _priority(priority) | {"isDefault": False}
        for priority in call.site.priorities.values()
        if (not wanted or priority.id in wanted) and name in priority.name.casefold()
    ]
    return page_bean(call, found, default=call.limits.page_default, cap=call.limits.page_max)


@operation("getResolutions")
def resolutions(call: Call) -> Answer:
    """``GET resolution``, deprecated but served."""
    return ok([wire.resolution(resolution) for resolution in call.site.resolutions.values()])


@operation("searchResolutions")
def search_resolutions(call: Call) -> Answer:
    """``GET resolution/search``."""
    wanted = set(call.names("id"))
    found = [
        _searched(resolution) for resolution in call.site.resolutions.values() if not wanted or resolution.id in wanted
    ]
    return page_bean(call, found, default=call.limits.page_default, cap=call.limits.page_max)


@operation("getIssueLinkTypes")
def link_types(call: Call) -> Answer:
    """``GET issueLinkType``."""
    return ok({"issueLinkTypes": [wire.link_type(kind) for kind in call.site.link_types.values()]})


def _field(field: Field) -> Json:
    shape: Json = {
        "id": field.id,
        "key": field.id,
        "name": field.name,
        "untranslatedName": field.name,
        "custom": field.custom,
        "orderable": field.orderable,
        "navigable": field.navigable,
        "searchable": field.searchable,
        "clauseNames": field.clause_names,
    }
    if field.schema:
        shape["schema"] = field.schema
    return shape


def _priority(priority: Priority) -> Json:
    return wire.priority(priority) | {"statusColor": priority.color, "description": priority.description}


def _searched(resolution: Resolution) -> Json:
    return wire.resolution(resolution) | {"isDefault": False}
