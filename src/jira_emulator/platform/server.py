"""The site itself: server information and configuration."""

from jira_emulator.call import Answer, Call, ok
from jira_emulator.operations import operation
from jira_emulator.wire import BASE, timestamp

_VERSION = "1001.0.0-SNAPSHOT"
_BUILD = 100_300
_BUILD_DATE = 1_767_225_600_000


@operation("getServerInfo")
def server_info(call: Call) -> Answer:
    """``GET serverInfo``."""
    zone = call.site.zone
    return ok(
        {
            "baseUrl": BASE,
            "displayUrl": BASE,
            "version": _VERSION,
            "versionNumbers": [1001, 0, 0],
            "deploymentType": "Cloud",
            "buildNumber": _BUILD,
            "buildDate": timestamp(_BUILD_DATE, zone),
            "serverTime": timestamp(call.site.now(), zone),
            "scmInfo": "0" * 40,
            "serverTitle": call.site.title,
            "defaultLocale": {"locale": "en_US"},
            "serverTimeZone": zone.key,
        }
    )


@operation("getConfiguration")
def configuration(_call: Call) -> Answer:
    """``GET configuration``."""
    return ok(
        {
            "votingEnabled": True,
            "watchingEnabled": True,
            "unassignedIssuesAllowed": True,
            "subTasksEnabled": True,
            "issueLinkingEnabled": True,
            "timeTrackingEnabled": True,
            "attachmentsEnabled": True,
            "timeTrackingConfiguration": {
                "workingHoursPerDay": 8.0,
                "workingDaysPerWeek": 5.0,
                "timeFormat": "pretty",
                "defaultUnit": "minute",
            },
        }
    )
