"""Deterministic, realistic content for an emulated site."""

from datetime import UTC, datetime
from random import Random

from jira_emulator.generate import custom_fields, drafts, people, tails, workflows
from jira_emulator.generate.adf import Writer
from jira_emulator.generate.comments import Discussion
from jira_emulator.generate.drafts import Draft
from jira_emulator.generate.entries import EntryMaker
from jira_emulator.generate.fields import FieldsMaker, user_fragments
from jira_emulator.generate.histories import Historian
from jira_emulator.generate.scenario import Scenario, project_names
from jira_emulator.generate.words import Prose
from jira_emulator.model import Issue
from jira_emulator.site import Site, Tombstone
from jira_emulator.system_fields import AGILE_FIELDS, SYSTEM_FIELDS

REFERENCE = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * 1000
"""The instant that counts as now for generated data, in epoch milliseconds."""


def generate(
    site: Site,
    *,
    issues: int,
    seed: int = 0,
    reference: int = REFERENCE,
    caller_time_zone: str | None = None,
) -> None:
    """Fill a site with invented projects, people and issues.

    The same arguments on an equal site give equal bytes, in every process and at every time. The project DEMO
    (software, scrum) always exists and is the largest; the number of projects, people, sprints and versions grows
    slowly with that of the issues.

    Exceptional issues: from 1,000 issues on, one description of 3 MB, one issue with 5,000 comments and one with
    2,000 histories; below that these sizes shrink in proportion (500 issues: 1.5 MB, 2,500, 1,000). From 50 issues
    on there are also NUL characters in a summary, a description and a comment, a lone surrogate (as an escape in
    the JSON text) in a description, an issue without priority, one without and one with a blank description, one
    with every kind of rich text, one whose assignee was deleted, and issues that were moved between projects. With
    fewer than 50 issues there are none of these.

    Args:
        site: Receives the content; what it holds already stays, and types, statuses, priorities, resolutions and
            link types of the same name are shared.
        issues: How many issues to make.
        seed: Chooses the content.
        reference: The latest instant anything can have happened, in epoch milliseconds.
        caller_time_zone: Zone of the account ``site.account_id`` if it is made here; differs from the site's when
            not given.

    Raises:
        ValueError: The site already has a project with one of the generated keys, or ``issues`` is negative.
    """
    if issues < 0:
        raise ValueError("The number of issues cannot be negative.")
    for key, _ in project_names(issues):
        if site.find_project(key) is not None:
            raise ValueError(f"The site already has a project {key}.")
    rng = Random(f"jira-emulator/{seed}/{issues}")  # noqa: S311 - reproducible content, not a secret
    for field in (*SYSTEM_FIELDS, *AGILE_FIELDS):
        site.fields.setdefault(field.id, field)
    cast = people.settle(site, rng, issues=issues, caller_time_zone=caller_time_zone)
    scenario = Scenario(site, rng, reference, cast, workflows.define(site), custom_fields.define(site), Prose(rng))
    scenario.stage(issues)
    planned = drafts.plan(scenario)
    tails.place(scenario, planned)
    drafts.choose_moves(scenario, planned)
    drafts.number(scenario, planned)
    drafts.link(scenario, planned)
    _tell(scenario, planned)


def _tell(scenario: Scenario, planned: list[Draft]) -> None:
    """Run every issue's life, then write the issues, since each may show the final state of others."""
    site, rng = scenario.site, scenario.rng
    users = user_fragments(site.users)
    writer = Writer(rng, scenario.prose, scenario.people.staff)
    entries = EntryMaker(site.zone, users, site.next_id)
    historian = Historian(scenario, entries, writer.note)
    discussion = Discussion(scenario, entries, writer)
    for draft in planned:
        historian.live(draft)
        discussion.hold(draft)
        if draft.worklogs and rng.random() < 0.03:
            site.deleted_worklogs.append(Tombstone(site.next_id(), draft.updated))
    site.deleted_worklogs.sort(key=lambda tombstone: (tombstone.deleted, tombstone.id))
    fields = FieldsMaker(scenario, writer, users)
    for draft in planned:
        site.put_issue(_finish(draft, fields))


def _finish(draft: Draft, fields: FieldsMaker) -> Issue:
    return Issue(
        id=draft.id,
        key=draft.key,
        project_id=draft.setting.project.id,
        issue_type_id=draft.type.id,
        status_id=draft.status.id,
        assignee=None if draft.assignee is None else draft.assignee.account_id,
        created=draft.created,
        updated=draft.updated,
        fields=fields.write(draft),
        comments=draft.comments,
        worklogs=draft.worklogs,
        histories=draft.histories,
        old_keys=() if draft.old_key is None else (draft.old_key,),
    )
