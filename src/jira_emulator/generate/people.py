"""The accounts of a generated site: invented people in several time zones, an app, customers, someone who left."""

from dataclasses import dataclass
from random import Random
from zoneinfo import ZoneInfo

from jira_emulator.generate.draws import hex_digits, pick, uuid
from jira_emulator.model import User
from jira_emulator.site import Site

FORMER_USER = "Former user"
"""The display name Jira Cloud gives to a deleted account."""

_FIRST = (
    "Abrin", "Belisse", "Corvan", "Delphira", "Emrick", "Faelle", "Gorrin", "Hestia", "Ilvane", "Jorrell", "Kaelis",
    "Lumira", "Maddoc", "Nerys", "Orlo", "Peregrine", "Quilla", "Rowenne", "Sorrel", "Tavish", "Ulmar", "Vesper",
    "Wystan", "Xandri", "Yorick", "Zoëlle", "Łucjan", "Ásvaldr", "Østra", "Çelin", "Ñandu", "Ōren",
)  # fmt: skip
_LAST = (
    "Ashgrove", "Brackenmoor", "Cinderfell", "Dunmarrow", "Eastwyck", "Fernhollow", "Glimmerstone", "Hawkmere",
    "Ironvale", "Juniperra", "Kestrelby", "Larkspurr", "Mossbanke", "Nettlewick", "Oakenridge", "Pinewhistle",
    "Quarrywell", "Ravensholt", "Silverthrush", "Thistlewane", "Umberlake", "Violetmarsh", "Willowspan", "Yarrowgate",
    "Zephyrine", "O'Marrowby", "von Steinquell", "D'Argentelle", "Çakılbahçe", "Żurawinka",
)  # fmt: skip
_ZONES = (
    "UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "Asia/Kolkata", "Asia/Tokyo",
    "Australia/Sydney", "America/Sao_Paulo", "Africa/Nairobi", "Asia/Kathmandu", "America/St_Johns",
)  # fmt: skip
_CALLER_ZONES = ("America/New_York", "Asia/Kolkata")


@dataclass(slots=True)
class People:
    """The accounts by what they do; ``staff`` is everybody who works on issues."""

    caller: User
    staff: list[User]
    customers: list[User]
    app: User
    former: User


def settle(site: Site, rng: Random, *, issues: int, caller_time_zone: str | None = None) -> People:
    """Add the accounts to the site; their number grows with the square root of the number of issues or so.

    Args:
        site: The site; an account with ``site.account_id`` that exists already stays as it is.
        rng: Where names and properties are drawn from.
        issues: How many issues the site will have.
        caller_time_zone: Zone of the calling account; without it, one that differs from the site's.
    """
    caller = site.users.get(site.account_id) or _caller(site, caller_time_zone)
    count = 6 + int(2.5 * issues**0.45)
    names = rng.sample(range(len(_FIRST) * len(_LAST)), min(count, len(_FIRST) * len(_LAST)))
    accounts = [_person(rng, position, name) for position, name in enumerate(names)]
    customers = [account for account in accounts if account.account_type == "customer"]
    app = User(f"557058:{uuid(rng)}", "Automation for Jira", None, True, "UTC", "app")
    former = User(f"712020:{uuid(rng)}", FORMER_USER, None, False, "UTC")
    for account in (caller, *accounts, app, former):
        site.users[account.account_id] = account
    staff = [caller, *(account for account in accounts if account.account_type == "atlassian")]
    return People(caller, staff, customers, app, former)


def _caller(site: Site, time_zone: str | None) -> User:
    zone = time_zone or next(name for name in _CALLER_ZONES if name != site.zone.key)
    return User(site.account_id, "Site Administrator", "admin@example.com", time_zone=ZoneInfo(zone).key)


def _person(rng: Random, position: int, name: int) -> User:
    first, last = _FIRST[name % len(_FIRST)], _LAST[name // len(_FIRST)]
    customer = position % 8 == 5
    number = hex_digits(rng, 24)
    user = User(
        account_id=f"qm:{uuid(rng)}" if customer else (number if position % 2 else f"712020:{uuid(rng)}"),
        display_name=f"{first} {last}",
        email=f"person.{name}@example.com",
        active=position % 11 != 7,
        time_zone=pick(rng, _ZONES),
        account_type="customer" if customer else "atlassian",
        locale="de_DE" if position % 9 == 4 else "en_US",
    )
    if position % 4 == 2:
        user.email = None
    return user
