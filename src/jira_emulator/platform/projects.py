"""Projects with their components, versions and statuses."""

from collections.abc import Iterable

from jira_emulator import wire
from jira_emulator.call import Answer, Call, ok
from jira_emulator.errors import JiraError
from jira_emulator.model import Component, Project, Version
from jira_emulator.operations import operation
from jira_emulator.paging import page_bean
from jira_emulator.site import Site
from jira_emulator.wire import BASE, Json

_ORDERS = ("category", "issueCount", "key", "lastIssueUpdatedTime", "name", "owner", "archivedDate", "deletedDate")


@operation("searchProjects")
def search_projects(call: Call) -> Answer:
    """``GET project/search``; descriptions, leads and issue types only when expanded."""
    expand = set(call.names("expand"))
    found = [_searched(call.site, project, expand) for project in _ordered(call, _filtered(call))]
    return page_bean(call, found, default=call.limits.page_default, cap=call.limits.project_page)


@operation("getProject")
def get_project(call: Call) -> Answer:
    """``GET project/{projectIdOrKey}``."""
    site, project = call.site, call.project()
    shape = _searched(site, project, {"description", "lead", "issueTypes"})
    shape["components"] = [_component(site, part) for part in _components(site, project)]
    shape["versions"] = [_version(version) for version in _versions(site, project)]
    shape["assigneeType"] = "UNASSIGNED"
    shape["roles"] = {}
    return ok(shape)


@operation("getProjectComponentsPaginated")
def component_page(call: Call) -> Answer:
    """``GET project/{projectIdOrKey}/component``."""
    wanted = call.query.get("query", "").casefold()
    found = [
        _component(call.site, part) | {"issueCount": 0}
        for part in _components(call.site, call.project())
        if wanted in part.name.casefold()
    ]
    return page_bean(call, found, default=call.limits.page_default, cap=call.limits.page_max)


@operation("getProjectComponents")
def components(call: Call) -> Answer:
    """``GET project/{projectIdOrKey}/components``: all of them."""
    return ok([_component(call.site, part) for part in _components(call.site, call.project())])


@operation("getProjectVersionsPaginated")
def version_page(call: Call) -> Answer:
    """``GET project/{projectIdOrKey}/version``."""
    wanted = call.query.get("query", "").casefold()
    states = set(call.names("status"))
    found = [
        _version(version)
        for version in _versions(call.site, call.project())
        if wanted in version.name.casefold() and (not states or _state(version) in states)
    ]
    return page_bean(call, found, default=call.limits.page_default, cap=call.limits.page_max)


@operation("getProjectVersions")
def versions(call: Call) -> Answer:
    """``GET project/{projectIdOrKey}/versions``: all of them."""
    return ok([_version(version) for version in _versions(call.site, call.project())])


@operation("getAllStatuses")
def project_statuses(call: Call) -> Answer:
    """``GET project/{projectIdOrKey}/statuses``, grouped by issue type."""
    site = call.site
    groups: list[Json] = []
    for type_id, status_ids in call.project().workflow.items():
        kind = site.issue_types[type_id]
        groups.append(
            {
                "self": f"{BASE}/rest/api/3/issuetype/{kind.id}",
                "id": kind.id,
                "name": kind.name,
                "subtask": kind.subtask,
                "statuses": [wire.status(site.statuses[status_id]) for status_id in status_ids],
            }
        )
    return ok(groups)


def _filtered(call: Call) -> Iterable[Project]:
    states = set(call.names("status")) or {"live"}
    if unknown := states - {"live", "archived", "deleted"}:
        raise JiraError(400, f"The status '{min(unknown)}' is not valid. Valid values: live, archived, deleted.")
    keys = {key.upper() for key in call.names("keys")}
    ids = set(call.names("id"))
    types = set(call.names("typeKey"))
    text = call.query.get("query", "").casefold()
    for project in call.site.projects.values():
        if ("archived" if project.archived else "live") not in states:
            continue
        named = text in project.key.casefold() or text in project.name.casefold()
        chosen = (not keys or project.key.upper() in keys) and (not ids or project.id in ids)
        if named and chosen and (not types or project.type_key in types):
            yield project


def _ordered(call: Call, projects: Iterable[Project]) -> list[Project]:
    order = call.query.get("orderBy", "key")
    name = order.lstrip("+- ")
    if name not in _ORDERS:
        allowed = ", ".join(_ORDERS)
        raise JiraError(400, f"The field to order by should be one of [{allowed}]. Instead, it was: {name}.")
    by_name = name == "name"
    return sorted(projects, key=lambda p: p.name if by_name else p.key, reverse=order.startswith("-"))


def _searched(site: Site, project: Project, expand: set[str]) -> Json:
    shape: Json = wire.project(project) | {
        "expand": "description,lead,issueTypes,url,projectKeys,permissions,insight",
        "style": "classic",
        "isPrivate": False,
        "properties": {},
    }
    if project.archived:
        shape["archived"] = True
    if "description" in expand:
        shape["description"] = project.description
    lead = site.users.get(project.lead or "")
    if "lead" in expand and lead is not None:
        shape["lead"] = wire.user(lead)
    if "issueTypes" in expand:
        shape["issueTypes"] = [wire.issue_type(site.issue_types[type_id]) for type_id in project.workflow]
    if "insight" in expand:
        ids = site.issue_ids(project.id)
        shape["insight"] = {"totalIssueCount": len(ids)}
        if ids:
            latest = max(site.issues[number].updated for number in ids)
            shape["insight"] = {"totalIssueCount": len(ids), "lastIssueUpdateTime": wire.timestamp(latest, site.zone)}
    return shape


def _components(site: Site, project: Project) -> list[Component]:
    return [part for part in site.components.values() if part.project_id == project.id]


def _versions(site: Site, project: Project) -> list[Version]:
    return [version for version in site.versions.values() if version.project_id == project.id]


def _state(version: Version) -> str:
    if version.archived:
        return "archived"
    return "released" if version.released else "unreleased"


def _component(site: Site, part: Component) -> Json:
    shape: Json = wire.component(part) | {
        "assigneeType": "PROJECT_DEFAULT",
        "realAssigneeType": "PROJECT_DEFAULT",
        "isAssigneeTypeValid": False,
        "project": site.projects[part.project_id].key,
        "projectId": int(part.project_id),
    }
    lead = site.users.get(part.lead or "")
    if lead is not None:
        shape["lead"] = wire.user(lead)
    return shape


def _version(version: Version) -> Json:
    shape: Json = wire.version(version) | {"projectId": int(version.project_id)}
    if version.start_date is not None:
        shape["startDate"] = version.start_date
    return shape
