"""Accounts: the caller's own and the list of all."""

from jira_emulator import wire
from jira_emulator.call import Answer, Call, ok
from jira_emulator.operations import operation
from jira_emulator.wire import Json


@operation("getCurrentUser")
def myself(call: Call) -> Answer:
    """``GET myself``, with the time zone in which the caller's JQL dates are read."""
    account = call.account()
    shape: Json = wire.user(account) | {
        "locale": account.locale,
        "groups": {"size": 0, "items": []},
        "applicationRoles": {"size": 0, "items": []},
        "expand": "groups,applicationRoles",
    }
    return ok(shape)


@operation("getAllUsers")
def all_users(call: Call) -> Answer:
    """``GET users/search``: a bare array of all accounts, active or not."""
    start, size = call.page(call.limits.page_default, call.limits.users_max)
    accounts = list(call.site.users.values())[start : start + size]
    return ok([wire.user(account) | {"locale": account.locale} for account in accounts])
