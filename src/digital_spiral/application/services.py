"""The one object that every door receives: all use cases, wired."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from digital_spiral.application.ports import TenantIds
from digital_spiral.application.use_cases.instances.connect_instance import ConnectInstance
from digital_spiral.application.use_cases.instances.list_instances import ListInstances
from digital_spiral.application.use_cases.instances.remove_instance import RemoveInstance
from digital_spiral.application.use_cases.issues.list_issues import ListIssues
from digital_spiral.application.use_cases.issues.list_projects import ListProjects
from digital_spiral.application.use_cases.issues.read_issue import ReadIssue
from digital_spiral.application.use_cases.sync.run_backfill import RunBackfill
from digital_spiral.application.use_cases.sync.run_status import RunStatus
from digital_spiral.application.use_cases.sync.start_backfill import StartBackfill
from digital_spiral.application.use_cases.sync.sweep import SweepRuns
from digital_spiral.application.use_cases.sync.take_census import TakeCensus
from digital_spiral.application.use_cases.sync.totals import Totals
from digital_spiral.application.use_cases.tenants.authenticate import Authenticate
from digital_spiral.application.use_cases.tenants.create_key import CreateKey
from digital_spiral.application.use_cases.tenants.create_tenant import CreateTenant
from digital_spiral.application.use_cases.tenants.list_keys import ListKeys
from digital_spiral.application.use_cases.tenants.revoke_key import RevokeKey


@dataclass(frozen=True, kw_only=True)
class Services:
    """The use cases. ``close`` gives back what they hold: connections to the database, the queue and Jira."""

    create_tenant: CreateTenant
    create_key: CreateKey
    keys: ListKeys
    revoke_key: RevokeKey
    authenticate: Authenticate
    connect_instance: ConnectInstance
    instances: ListInstances
    remove_instance: RemoveInstance
    start_backfill: StartBackfill
    run_status: RunStatus
    run_backfill: RunBackfill
    sweep: SweepRuns
    census: TakeCensus
    totals: Totals
    projects: ListProjects
    issues: ListIssues
    issue: ReadIssue
    tenant_ids: TenantIds
    close: Callable[[], Awaitable[None]]
