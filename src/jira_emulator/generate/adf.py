"""Rich text in the Atlassian Document Format, as people write it: mostly a paragraph, sometimes everything."""

from collections.abc import Sequence
from random import Random

import orjson

from jira_emulator.generate.draws import pick, uuid
from jira_emulator.generate.words import Prose
from jira_emulator.model import User
from jira_emulator.wire import Json

_EMOJI = (
    (":rocket:", "1f680", "🚀"),
    (":warning:", "26a0", "⚠️"),
    (":thumbsup:", "1f44d", "👍"),
    (":bug:", "1f41b", "🐛"),
)
_PANELS = ("info", "note", "tip", "warning", "error", "success")
_LOZENGES = (("READY", "green"), ("BLOCKED", "red"), ("IN REVIEW", "yellow"), ("LATER", "neutral"), ("IDEA", "purple"))
_CODE = (
    ("python", 'def total(rows):\n    return sum(row["amount"] for row in rows)  # "quoted" & <tagged>'),
    ("sql", "SELECT count(*)\nFROM orders\nWHERE created < now() - interval '1 day';"),
    ("json", '{"status": "failed",\n "attempt": 3}'),
    (None, "GET /health\n\t503 Service Unavailable\n\n    at worker.run(worker:118)"),
)
_DOMAIN = "https://docs.example.com"


def doc(blocks: Sequence[Json]) -> Json:
    """The root node around some blocks."""
    return {"type": "doc", "version": 1, "content": list(blocks)}


def text(value: str, *marks: Json) -> Json:
    """A text node; ``value`` must not be empty."""
    node: Json = {"type": "text", "text": value}
    if marks:
        node["marks"] = list(marks)
    return node


def paragraph(*inline: Json) -> Json:
    """A paragraph of inline nodes."""
    return {"type": "paragraph", "content": list(inline)}


class Writer:
    """Writes documents that mention the given people."""

    def __init__(self, rng: Random, prose: Prose, people: Sequence[User]) -> None:
        self._rng = rng
        self._prose = prose
        self._people = people
        self._blocks = (
            self._heading, self._bullets, self._numbers, self._table, self._code, self._panel, self._tasks,
            self._decisions, self._quote, self._rule, self._right_to_left, self._expand, self._spiced, self._spiced,
        )  # fmt: skip

    def comment(self) -> Json:
        """A comment: usually plain, one in six with richer blocks."""
        if self._rng.random() < 0.83:
            return doc([self._spiced() if self._rng.random() < 0.25 else self._plain(1 + int(self._rng.random() * 3))])
        return doc([self._plain(1), *self._rich(1 + int(self._rng.random() * 3))])

    def description(self) -> Json:
        """A description: a few paragraphs, half of the time with richer blocks."""
        if self._rng.random() < 0.5:
            return doc([self._plain(1 + int(self._rng.random() * 4)) for _ in range(1 + int(self._rng.random() * 2))])
        return doc([self._plain(2), *self._rich(1 + int(self._rng.random() * 5))])

    def note(self) -> Json:
        """One plain paragraph."""
        return doc([self._plain(1)])

    def showcase(self) -> Json:
        """A document that holds every kind of block and inline node this writer knows."""
        return doc([self._plain(2), *(make() for make in self._blocks), self._inline_showcase()])

    def with_text(self, value: str) -> Json:
        """A paragraph of ordinary words around ``value``."""
        return doc([paragraph(text(f"{self._prose.sentence()} {value} {self._prose.sentence()}"))])

    def of_size(self, size: int) -> Json:
        """A document whose JSON text has at least ``size`` bytes."""
        blocks: list[Json] = []
        length = len(orjson.dumps(doc([])))
        while length < size:
            block = self._plain(20) if len(blocks) % 25 else self._table()
            blocks.append(block)
            length += len(orjson.dumps(block)) + (len(blocks) > 1)
        return doc(blocks)

    def _rich(self, count: int) -> list[Json]:
        return [pick(self._rng, self._blocks)() for _ in range(count)]

    def _plain(self, sentences: int) -> Json:
        return paragraph(text(self._prose.sentences(sentences)))

    def _spiced(self) -> Json:
        extra = pick(self._rng, (self._mention, self._mention, self._emoji, self._link, self._styled, self._lozenge))
        return paragraph(text(self._prose.sentence() + " "), extra(), text(" " + self._prose.sentence()))

    def _inline_showcase(self) -> Json:
        nodes = (self._mention(), self._emoji(), self._link(), self._styled(), self._lozenge(), self._date())
        return paragraph(*nodes, {"type": "hardBreak"}, self._card())

    def _mention(self) -> Json:
        person = pick(self._rng, self._people)
        return {"type": "mention", "attrs": {"id": person.account_id, "text": f"@{person.display_name}"}}

    def _emoji(self) -> Json:
        name, code, glyph = pick(self._rng, _EMOJI)
        return {"type": "emoji", "attrs": {"shortName": name, "id": code, "text": glyph}}

    def _link(self) -> Json:
        href = f"{_DOMAIN}/pages/{int(self._rng.random() * 10_000)}?from=issue&lang=en"
        return text(self._prose.topic(), {"type": "link", "attrs": {"href": href}})

    def _card(self) -> Json:
        return {"type": "inlineCard", "attrs": {"url": f"{_DOMAIN}/cards/{int(self._rng.random() * 10_000)}"}}

    def _date(self) -> Json:
        return {
            "type": "date",
            "attrs": {"timestamp": str(1_700_000_000_000 + int(self._rng.random() * 1000) * 86_400_000)},
        }

    def _styled(self) -> Json:
        mark: Json = pick(
            self._rng,
            (
                {"type": "strong"},
                {"type": "em"},
                {"type": "code"},
                {"type": "strike"},
                {"type": "underline"},
                {"type": "subsup", "attrs": {"type": "sup"}},
                {"type": "textColor", "attrs": {"color": "#ff5630"}},
            ),
        )
        return text(self._prose.topic(), mark)

    def _lozenge(self) -> Json:
        label, color = pick(self._rng, _LOZENGES)
        return {"type": "status", "attrs": {"text": label, "color": color, "localId": uuid(self._rng)}}

    def _heading(self) -> Json:
        level = 1 + int(self._rng.random() * 6)
        return {"type": "heading", "attrs": {"level": level}, "content": [text(self._prose.topic())]}

    def _items(self) -> list[Json]:
        count = 2 + int(self._rng.random() * 3)
        return [{"type": "listItem", "content": [self._plain(1)]} for _ in range(count)]

    def _bullets(self) -> Json:
        items = self._items()
        if self._rng.random() < 0.3:
            nested: Json = {"type": "bulletList", "content": self._items()}
            items.append({"type": "listItem", "content": [self._plain(1), nested]})
        return {"type": "bulletList", "content": items}

    def _numbers(self) -> Json:
        return {"type": "orderedList", "attrs": {"order": 1}, "content": self._items()}

    def _table(self) -> Json:
        columns = 2 + int(self._rng.random() * 3)
        head: list[Json] = [
            {"type": "tableHeader", "attrs": {}, "content": [paragraph(text(self._prose.topic()))]}
            for _ in range(columns)
        ]
        rows: list[Json] = [{"type": "tableRow", "content": head}]
        for _ in range(1 + int(self._rng.random() * 3)):
            cells: list[Json] = [
                {"type": "tableCell", "attrs": {}, "content": [self._plain(1)]} for _ in range(columns - 1)
            ]
            cells.append(
                {"type": "tableCell", "attrs": {"background": "#deebff"}, "content": [paragraph(self._styled())]}
            )
            rows.append({"type": "tableRow", "content": cells})
        attrs = {"isNumberColumnEnabled": False, "layout": "default", "localId": uuid(self._rng)}
        return {"type": "table", "attrs": attrs, "content": rows}

    def _code(self) -> Json:
        language, source = pick(self._rng, _CODE)
        attrs: Json = {} if language is None else {"language": language}
        return {"type": "codeBlock", "attrs": attrs, "content": [text(source)]}

    def _panel(self) -> Json:
        return {"type": "panel", "attrs": {"panelType": pick(self._rng, _PANELS)}, "content": [self._plain(1)]}

    def _tasks(self) -> Json:
        items: list[Json] = [
            {
                "type": "taskItem",
                "attrs": {"localId": uuid(self._rng), "state": "DONE" if self._rng.random() < 0.5 else "TODO"},
                "content": [text(self._prose.sentence())],
            }
            for _ in range(2)
        ]
        return {"type": "taskList", "attrs": {"localId": uuid(self._rng)}, "content": items}

    def _decisions(self) -> Json:
        item: Json = {
            "type": "decisionItem",
            "attrs": {"localId": uuid(self._rng), "state": "DECIDED"},
            "content": [text(self._prose.sentence())],
        }
        return {"type": "decisionList", "attrs": {"localId": uuid(self._rng)}, "content": [item]}

    def _quote(self) -> Json:
        return {"type": "blockquote", "content": [self._plain(1)]}

    def _rule(self) -> Json:
        return {"type": "rule"}

    def _right_to_left(self) -> Json:
        return paragraph(text(self._prose.right_to_left()), text(" (RTL) "), text(self._prose.right_to_left()))

    def _expand(self) -> Json:
        return {"type": "expand", "attrs": {"title": self._prose.topic()}, "content": [self._plain(2)]}
