"""Wiki markup inside one paragraph to ADF inline nodes, in time linear in the text.

Every pattern stops at the next occurrence of its own delimiter, and a closing tag is searched only where one exists,
so no input makes the parser look at a character more than a fixed number of times.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from jira_emulator.model import User

Json = dict[str, object]
MentionResolver = Callable[[str], User | None]
"""Gives the account behind the name in ``[~name]``, or ``None`` when there is none."""

_Marks = tuple[Json, ...]
_Found = tuple[int, int, list[Json]]
"""Where a construct begins and ends in the text, and its nodes."""

# A candidate is cheap to find because the pattern starts with a character class. The look-arounds drop what cannot
# start markup: an emphasis sign inside a word, a colon that is not part of "://", any sign followed by a blank.
_CANDIDATE = re.compile(r"[*_+^~:{\[\\-](?<!\w[*_+^~-])(?<!:(?!//))(?=\S)")
_EMPHASIS = {
    sign: re.compile(
        rf"{re.escape(sign)}([^\s{re.escape(sign)}][^{re.escape(sign)}\n]*+)"
        rf"{re.escape(sign)}(?![\w{re.escape(sign)}])"
    )
    for sign in "*_-+^~"
}
_MONO = re.compile(r"\{\{([^{}\n]++)\}\}")
_COLOR = re.compile(r"\{color:([^{}\n]{1,40})\}")
_COLOR_END = "{color}"
_LINK = re.compile(r"\[([^\[\]\n]{1,4000}+)\]")
_URL_REST = re.compile(r"[^\s\[\]{}|<>\"^`\\]++")
_LINK_TARGET = re.compile(r"(?:https?://|ftp://|mailto:|file:|www\.|[#/])\S", re.IGNORECASE)
_ESCAPABLE = frozenset("*_+^~-{}[]|!#?@()")
_URL_TRAILING = ".,;:!?'*_)"

_SIMPLE_MARKS: dict[str, Json] = {
    "*": {"type": "strong"},
    "_": {"type": "em"},
    "-": {"type": "strike"},
    "+": {"type": "underline"},
    "^": {"type": "subsup", "attrs": {"type": "sup"}},
    "~": {"type": "subsup", "attrs": {"type": "sub"}},
}
_CODE: Json = {"type": "code"}
_BREAK: Json = {"type": "hardBreak"}
_COLORS = {
    "black": "#000000",
    "blue": "#0000ff",
    "brown": "#a52a2a",
    "cyan": "#00ffff",
    "darkgreen": "#006400",
    "gray": "#808080",
    "green": "#008000",
    "grey": "#808080",
    "lime": "#00ff00",
    "magenta": "#ff00ff",
    "maroon": "#800000",
    "navy": "#000080",
    "olive": "#808000",
    "orange": "#ffa500",
    "pink": "#ffc0cb",
    "purple": "#800080",
    "red": "#ff0000",
    "silver": "#c0c0c0",
    "teal": "#008080",
    "white": "#ffffff",
    "yellow": "#ffff00",
}


def parse(text: str, mentions: MentionResolver | None = None) -> list[Json]:
    """The inline nodes of one paragraph; a newline becomes a ``hardBreak``.

    Args:
        text: Wiki text without blank lines and block markup.
        mentions: Resolves ``[~name]``; without it mentions stay literal text.
    """
    if _CANDIDATE.search(text) is None:
        nodes: list[Json] = []
        _add_text(nodes, text, ())
        return nodes
    return _Inline(mentions).parse(text, ())


def _add_text(nodes: list[Json], text: str, marks: _Marks) -> None:
    first = True
    for line in text.split("\n"):
        if first:
            first = False
        else:
            nodes.append(_BREAK)
        if line:
            nodes.append(
                {"type": "text", "text": line, "marks": list(marks)} if marks else {"type": "text", "text": line}
            )


def _color(value: str) -> str | None:
    value = value.strip().lower()
    if re.fullmatch(r"#[0-9a-f]{6}", value):
        return value
    if re.fullmatch(r"#[0-9a-f]{3}", value):
        return "#" + "".join(digit * 2 for digit in value[1:])
    return _COLORS.get(value)


def _has(marks: _Marks, kind: object) -> bool:
    return any(mark["type"] == kind for mark in marks)


@dataclass(slots=True)
class _Inline:
    """One run over one paragraph."""

    mentions: MentionResolver | None

    def parse(self, text: str, marks: _Marks) -> list[Json]:
        nodes: list[Json] = []
        literal: list[str] = []
        start = position = 0
        last_color_end = text.rfind(_COLOR_END)
        while (candidate := _CANDIDATE.search(text, position)) is not None:
            at = candidate.start()
            found = self._construct(text, at, marks, last_color_end)
            if found is None or found[0] < start:
                position = at + 1
                continue
            begin, end, inner = found
            literal.append(text[start:begin])
            if inner:
                _add_text(nodes, "".join(literal), marks)
                literal.clear()
                nodes.extend(inner)
                start = position = end
            else:
                start, position = begin + 1, end
        literal.append(text[start:])
        _add_text(nodes, "".join(literal), marks)
        return nodes

    def _construct(self, text: str, at: int, marks: _Marks, last_color_end: int) -> _Found | None:
        sign = text[at]
        if sign in _EMPHASIS:
            return self._emphasis(text, at, marks)
        if sign == "[":
            return self._link(text, at, marks)
        if sign == "{":
            return self._mono(text, at, marks) or self._colored(text, at, marks, last_color_end)
        if sign == ":":
            return _bare_url(text, at, marks)
        return _backslash(text, at)

    def _emphasis(self, text: str, at: int, marks: _Marks) -> _Found | None:
        sign = text[at]
        mark = _SIMPLE_MARKS[sign]
        match = _EMPHASIS[sign].match(text, at)
        if match is None or text[at - 1 : at] == sign or match[1][-1].isspace() or _has(marks, mark["type"]):
            return None
        return at, match.end(), self.parse(match[1], (*marks, mark))

    def _mono(self, text: str, at: int, marks: _Marks) -> _Found | None:
        match = _MONO.match(text, at)
        if match is None:
            return None
        # Of all marks only a link may stand beside code.
        kept = [mark for mark in marks if mark["type"] == "link"]
        return at, match.end(), [{"type": "text", "text": match[1], "marks": [*kept, _CODE]}]

    def _colored(self, text: str, at: int, marks: _Marks, last_color_end: int) -> _Found | None:
        match = _COLOR.match(text, at)
        if match is None or last_color_end < match.end() or _has(marks, "textColor"):
            return None
        end = text.find(_COLOR_END, match.end())
        if end == match.end():
            return None
        color = _color(match[1])
        mark: _Marks = () if color is None else ({"type": "textColor", "attrs": {"color": color}},)
        inner = self.parse(text[match.end() : end], (*marks, *mark))
        return at, end + len(_COLOR_END), inner

    def _link(self, text: str, at: int, marks: _Marks) -> _Found | None:
        match = _LINK.match(text, at)
        if match is None:
            return None
        if match[1].startswith("~"):
            return self._mention(match)
        parts = match[1].split("|")
        if len(parts) > 2 and parts[-1].strip().startswith("smart-"):
            parts.pop()
        target = parts[-1].strip()
        if len(parts) > 2 or _has(marks, "link") or _LINK_TARGET.match(target) is None:
            return None
        label = parts[0] if len(parts) == 2 and parts[0].strip() else target
        link: Json = {"type": "link", "attrs": {"href": target}}
        return at, match.end(), self.parse(label, (*marks, link))

    def _mention(self, match: re.Match[str]) -> _Found | None:
        name = match[1][1:].removeprefix("accountid:").strip()
        account = self.mentions(name) if self.mentions is not None else None
        if account is None:
            return None
        attrs: Json = {"id": account.account_id, "text": f"@{account.display_name}"}
        return match.start(), match.end(), [{"type": "mention", "attrs": attrs}]


def _bare_url(text: str, at: int, marks: _Marks) -> _Found | None:
    scheme = text[max(0, at - 5) : at].lower()
    length = 5 if scheme == "https" else 4 if scheme.endswith("http") else 0
    rest = _URL_REST.match(text, at + 3)
    if not length or rest is None or _has(marks, "link"):
        return None
    href = text[at - length : rest.end()].rstrip(_URL_TRAILING)
    begin = at - length
    if len(href) <= length + 3:
        return None
    node: Json = {"type": "text", "text": href, "marks": [*marks, {"type": "link", "attrs": {"href": href}}]}
    return begin, begin + len(href), [node]


def _backslash(text: str, at: int) -> _Found | None:
    following = text[at + 1]
    if following == "\\":
        return at, at + 2, [_BREAK]
    # No nodes: the backslash is left out and the sign after it is literal.
    return (at, at + 2, []) if following in _ESCAPABLE else None
