"""Jira wiki markup to the Atlassian Document Format (ADF).

Understood: headings, bullet and numbered lists (nested, mixed), ``{code}`` and ``{noformat}``, ``{quote}`` and
``bq.``, ``{panel}``, tables, rules, links, mentions, text effects and line breaks. Everything else stays literal
text. What ADF does not allow in a place (a table inside a quote) becomes paragraphs there.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from jira_emulator.wiki_inline import Json, MentionResolver
from jira_emulator.wiki_inline import parse as parse_inline

_Container = Literal["doc", "panel", "blockquote"]

_MACRO = re.compile(r"\{(code|noformat|quote|panel)(?::([^{}\n]{0,300}))?\}")
_BLOCK_LINE = re.compile(
    r"[ \t]*(?:(?P<heading>h[1-6])\.[ \t]+(?=\S)|(?P<bq>bq)\.[ \t]+(?=\S)|(?P<rule>-{4,5})[ \t]*$"
    r"|(?P<bullet>[*#]{1,10}|-)[ \t]+(?=\S)|(?P<row>\|)|(?P<blank>$))"
)
_ANY_BLOCK_LINE = re.compile(r"^[ \t]*+(?:h[1-6]\.|bq\.|[*#|-])", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n[ \t]*+(?:\n[ \t]*+)++")
_CELL_MARK = re.compile(r"\[[^\[\]\n]*+\]|\\\||(\|\|?)")


def to_adf(text: str, mentions: MentionResolver | None = None) -> Json:
    """Convert wiki text to an ADF document; blank text gives a document without content.

    Args:
        text: Wiki markup; any string is accepted.
        mentions: Resolves the name in ``[~name]``; unresolved mentions stay literal text.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return {"type": "doc", "version": 1, "content": _blocks(text, "doc", mentions)}


def _blocks(text: str, container: _Container, mentions: MentionResolver | None) -> list[Json]:
    blocks = _Blocks(container, mentions)
    start = position = 0
    unclosed: set[str] = set()
    while (macro := _MACRO.search(text, position)) is not None:
        position = macro.end()
        end_tag = f"{{{macro[1]}}}"
        end = -1 if end_tag in unclosed else text.find(end_tag, position)
        if end < 0:
            # Nothing behind this point closes it, so no later macro of its kind is closed either.
            unclosed.add(end_tag)
            continue
        blocks.flow(text[start : macro.start()])
        blocks.macro(macro[1], macro[2] or "", text[position:end])
        start = position = end + len(end_tag)
    blocks.flow(text[start:])
    return blocks.out


def _parameters(text: str) -> tuple[str, str]:
    """The unnamed first parameter and the title of a macro such as ``{code:java|title=Main}``."""
    bare = title = ""
    for part in text.split("|"):
        name, equals, value = part.partition("=")
        if not equals:
            bare = bare or part.strip()
        elif name.strip() == "title":
            title = value.strip()
    return bare, title


@dataclass(slots=True)
class _Blocks:
    """Collects block nodes line by line; what is still open is closed by the next line of another kind."""

    container: _Container
    mentions: MentionResolver | None
    out: list[Json] = field(default_factory=list)
    _paragraph: list[str] = field(default_factory=list)
    _items: list[tuple[str, list[str]]] = field(default_factory=list)
    _rows: list[list[Json]] = field(default_factory=list)

    def macro(self, name: str, parameters: str, body: str) -> None:
        """Add the block that a ``{name:parameters}body{name}`` macro stands for."""
        first, title = _parameters(parameters)
        if title:
            self._add_paragraph(f"*{title}*")
        if name in ("code", "noformat"):
            self._code(first if name == "code" else "", body)
            return
        container: _Container = "blockquote" if name == "quote" else "panel"
        # Neither quotes nor panels may hold one another, so inside one the other's content stands by itself.
        content = _blocks(body, container if self.container == "doc" else self.container, self.mentions)
        if self.container != "doc":
            self.out.extend(content)
        elif name == "panel":
            content = content or [{"type": "paragraph", "content": []}]
            self.out.append({"type": "panel", "attrs": {"panelType": "info"}, "content": content})
        elif content:
            self.out.append({"type": "blockquote", "content": content})

    def flow(self, text: str) -> None:
        """Add the blocks of text that holds no macro."""
        if _ANY_BLOCK_LINE.search(text) is None:
            for part in _BLANK_LINES.split(text):
                self._add_paragraph(part.strip("\n"))
            return
        for line in text.split("\n"):
            match = _BLOCK_LINE.match(line)
            if match is None:
                self._plain(line)
            else:
                self._block_line(line, match)
        self._close()

    def _plain(self, line: str) -> None:
        self._close_table()
        if self._items:
            self._items[-1][1].append(line)
        else:
            self._paragraph.append(line)

    def _block_line(self, line: str, match: re.Match[str]) -> None:
        kind = match.lastgroup
        rest = line[match.end() :]
        if kind == "bullet":
            self._close_paragraph()
            self._close_table()
            self._items.append((match["bullet"], [rest]))
        elif kind == "row":
            self._row(line)
        elif kind == "rule" and self.container != "blockquote":
            self._close()
            self.out.append({"type": "rule"})
        elif kind == "rule":
            self._plain(line)
        else:
            self._close()
            if kind == "heading":
                self._heading(int(match["heading"][1]), rest)
            elif kind == "bq":
                self._short_quote(rest)

    def _heading(self, level: int, text: str) -> None:
        if self.container == "blockquote":
            self._add_paragraph(text)
        else:
            content = parse_inline(text, self.mentions)
            self.out.append({"type": "heading", "attrs": {"level": level}, "content": content})

    def _short_quote(self, text: str) -> None:
        paragraph: Json = {"type": "paragraph", "content": parse_inline(text, self.mentions)}
        self.out.append({"type": "blockquote", "content": [paragraph]} if self.container == "doc" else paragraph)

    def _row(self, line: str) -> None:
        cells = self._cells(line) if self.container == "doc" else []
        if not cells:
            self._plain(line)
            return
        self._close_paragraph()
        self._close_list()
        self._rows.append(cells)

    def _cells(self, line: str) -> list[Json]:
        """The cells of a table row; none when the line holds nothing but separators."""
        cells: list[Json] = []
        kind = ""
        start = 0
        filled = False
        marks = [(mark.start(), mark.end(), mark[1]) for mark in _CELL_MARK.finditer(line) if mark[1]]
        for begin, end, mark in [*marks, (len(line), len(line), "")]:
            text = line[start:begin].strip()
            filled = filled or bool(text)
            if kind and (text or mark):
                paragraph: Json = {"type": "paragraph", "content": parse_inline(text, self.mentions)}
                cells.append({"type": kind, "attrs": {}, "content": [paragraph]})
            kind = "tableHeader" if mark == "||" else "tableCell"
            start = end
        return cells if filled else []

    def _add_paragraph(self, text: str) -> None:
        if text and not text.isspace():
            self.out.append({"type": "paragraph", "content": parse_inline(text, self.mentions)})

    def _code(self, language: str, body: str) -> None:
        node: Json = {"type": "codeBlock", "attrs": {"language": language} if language else {}}
        body = body.strip("\n")
        node["content"] = [{"type": "text", "text": body}] if body else []
        self.out.append(node)

    def _close(self) -> None:
        self._close_paragraph()
        self._close_list()
        self._close_table()

    def _close_paragraph(self) -> None:
        if self._paragraph:
            self._add_paragraph("\n".join(self._paragraph))
            self._paragraph = []

    def _close_list(self) -> None:
        if self._items:
            self.out.extend(_lists(self._items, self.mentions))
            self._items = []

    def _close_table(self) -> None:
        if self._rows:
            rows: list[Json] = [{"type": "tableRow", "content": cells} for cells in self._rows]
            self.out.append({"type": "table", "attrs": {}, "content": rows})
            self._rows = []


def _lists(items: list[tuple[str, list[str]]], mentions: MentionResolver | None) -> list[Json]:
    """Nest list items by the length of their markers; a marker of another kind starts another list."""
    roots: list[Json] = []
    # The open lists from the outside in: their kind, their items, and the blocks of their last item.
    open_lists: list[tuple[str, list[Json], list[Json]]] = []
    for marker, lines in items:
        kind = "orderedList" if marker[-1] == "#" else "bulletList"
        depth = min(len(marker), len(open_lists) + 1)
        del open_lists[depth:]
        if len(open_lists) == depth and open_lists[-1][0] != kind:
            open_lists.pop()
        paragraph: Json = {"type": "paragraph", "content": parse_inline("\n".join(lines), mentions)}
        blocks = [paragraph]
        item: Json = {"type": "listItem", "content": blocks}
        if len(open_lists) == depth:
            siblings = open_lists.pop()[1]
            siblings.append(item)
        else:
            siblings = [item]
            target = open_lists[-1][2] if open_lists else roots
            target.append({"type": kind, "content": siblings})
        open_lists.append((kind, siblings, blocks))
    return roots
