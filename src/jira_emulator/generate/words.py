"""Invented words: sentences, summaries, labels and right-to-left text for generated issues."""

from random import Random

from jira_emulator.generate.draws import pick

_SUBJECTS = (
    "the nightly import", "the billing export", "our staging cluster", "the login page", "the search index",
    "the mobile client", "the audit trail", "the payment gateway", "the onboarding wizard", "the report builder",
    "the message queue", "the cache layer", "the permission check", "the calendar view", "the attachment store",
    "the release script", "the rate limiter", "the invoice template", "the address book", "the archive job",
)  # fmt: skip
_VERBS = (
    "times out", "returns stale rows", "ignores the time zone", "drops the last page", "retries for ever",
    "shows the wrong total", "loses the selected filter", "needs a second confirmation", "sends the mail twice",
    "fails with a 500", "doubles every entry", "waits for a lock", "keeps the old owner", "renders an empty table",
    "rejects umlauts such as ä, ö and ü", "accepts an expired token", "sorts upper case first", "eats all memory",
)  # fmt: skip
_CONDITIONS = (
    "after the upgrade", "when two people save at once", "on the first day of the month", "behind the proxy",
    "for accounts without an address", "with more than 500 entries", "in the night of the clock change",
    "since last Tuesday", "only in the archived project", "while a backup runs", "for right-to-left locales",
    "if the name contains an emoji 🚀", "on slow connections", "with the feature flag on", "after a failed payment",
)  # fmt: skip
_ACTIONS = (
    "Add", "Remove", "Rework", "Document", "Measure", "Speed up", "Simplify", "Replace", "Review", "Test", "Migrate",
    "Harden", "Investigate", "Prepare", "Translate", "Automate", "Clean up", "Monitor", "Extend", "Unify",
)  # fmt: skip
_TOPICS = (
    "retry logic", "error messages", "the settings dialog", "password rules", "dashboard tiles", "export formats",
    "the sandbox tenant", "index maintenance", "the price list", "keyboard navigation", "alert thresholds",
    "customer notifications", "data retention", "the welcome mail", "seat counting", "tax rounding", "log rotation",
    "the quarterly statement", "file previews", "single sign-on", "bulk editing", "queue priorities", "naïve caching",
)  # fmt: skip
_CLOSERS = (
    "I could reproduce it twice.", "Logs are attached.", "Nobody has reported this before.", "See also the runbook.",
    "The workaround is to reload.", "Works on my machine.", "Please check before the release.", "Could be a race.",
    "It is not urgent, but it is annoying.", "Customers have noticed.", "Reverting did not help.", "Done, see below.",
)  # fmt: skip
_LABELS = (
    "backend", "frontend", "regression", "customer", "quick-win", "tech-debt", "ux", "security", "flaky", "needs-info",
    "performance", "i18n", "größe", "docs", "api", "blocked-externally", "q3", "q4", "infra", "mobile",
)  # fmt: skip
_ARABIC = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"
_HEBREW = "אבגדהוזחטיכלמנסעפצקרשת"
_POOL = 1_200


def label_names() -> tuple[str, ...]:
    """Every label generated issues can carry; labels hold no spaces."""
    return _LABELS


class Prose:
    """Words drawn from one stream; sentences come from a pool made once, because most texts are made of them."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._sentences = tuple(self._compose() for _ in range(_POOL))

    def _compose(self) -> str:
        rng = self._rng
        if rng.random() < 0.3:
            return pick(rng, _CLOSERS)
        sentence = f"{pick(rng, _SUBJECTS)} {pick(rng, _VERBS)} {pick(rng, _CONDITIONS)}."
        return sentence[0].upper() + sentence[1:]

    def sentence(self) -> str:
        """One sentence."""
        return pick(self._rng, self._sentences)

    def sentences(self, count: int) -> str:
        """Several sentences in a row."""
        return " ".join(pick(self._rng, self._sentences) for _ in range(count))

    def topic(self) -> str:
        """A few words that name something."""
        return pick(self._rng, _TOPICS)

    def summary(self) -> str:
        """The one-line title of an issue."""
        rng = self._rng
        if rng.random() < 0.5:
            return f"{pick(rng, _ACTIONS)} {pick(rng, _TOPICS)} {pick(rng, _CONDITIONS)}"
        subject = pick(rng, _SUBJECTS)
        return f"{subject[0].upper()}{subject[1:]} {pick(rng, _VERBS)} {pick(rng, _CONDITIONS)}"

    def right_to_left(self) -> str:
        """A run of invented words in Arabic or Hebrew letters."""
        rng = self._rng
        letters = _ARABIC if rng.random() < 0.5 else _HEBREW
        words = ("".join(pick(rng, letters) for _ in range(2 + int(rng.random() * 6))) for _ in range(6))
        return " ".join(words)
