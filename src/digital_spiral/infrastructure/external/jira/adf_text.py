"""The plain text of an Atlassian Document: what a reader reads, without the form."""

_BLOCK = "\0block"  # clean text holds no NUL, so no text looks like one of these marks
_CELL = "\0cell"
_CELL_END = "\0cell end"
_ROW = "\0row"

_MARKS: dict[object, tuple[str, str]] = dict.fromkeys(
    (
        *("paragraph", "heading", "codeBlock", "blockquote", "panel", "rule", "table", "caption"),
        *("bulletList", "orderedList", "listItem", "taskList", "taskItem", "blockTaskItem"),
        *("decisionList", "decisionItem", "expand", "nestedExpand", "mediaSingle", "mediaGroup"),
        *("layoutSection", "layoutColumn", "blockCard", "embedCard", "extension", "bodiedExtension"),
    ),
    (_BLOCK, _BLOCK),
)
_MARKS |= {"tableRow": (_ROW, _ROW), "tableCell": (_CELL, _CELL_END), "tableHeader": (_CELL, _CELL_END)}

_TEXT_ATTRIBUTES: dict[object, tuple[str, ...]] = {
    "mention": ("text", "id"),
    "emoji": ("text", "shortName"),
    "status": ("text",),
    "date": ("timestamp",),
    "inlineCard": ("url",),
    "blockCard": ("url",),
    "embedCard": ("url",),
    "media": ("alt",),
    "mediaInline": ("alt",),
    "expand": ("title",),
    "nestedExpand": ("title",),
    "placeholder": ("text",),
}


def adf_text(document: object) -> str | None:
    """The text of an ADF document: a line per block, a line per table row with its cells separated by tabs.

    Mentions, emoji, status lozenges and cards appear as the text their attributes carry; nodes of unknown type
    contribute their content. A plain string is returned as it is. The depth of the document does not matter.

    Returns:
        The text without leading and trailing white space; ``None`` where there is no document.
    """
    if document is None or isinstance(document, str):
        return document
    return _lines(_parts(document))


def _parts(document: object) -> list[str]:
    """Texts and marks in reading order."""
    parts: list[str] = []
    stack: list[object] = [document]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            parts.append(node)
        elif isinstance(node, dict):
            kind = node.get("type")
            if kind == "text":
                text = node.get("text")
                if isinstance(text, str):
                    parts.append(text)
                continue
            if kind == "hardBreak":
                parts.append("\n")
                continue
            marks = _MARKS.get(kind)
            if marks is not None:
                parts.append(marks[0])
                stack.append(marks[1])
            if kind in _TEXT_ATTRIBUTES:
                parts.extend(_attribute(node.get("attrs"), _TEXT_ATTRIBUTES[kind]))
            content = node.get("content")
            if isinstance(content, list):
                stack.extend(content[::-1])
    return parts


def _attribute(attributes: object, names: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(attributes, dict):
        for name in names:
            value = attributes.get(name)
            if isinstance(value, str) and value:
                return (value,)
    return ()


def _lines(parts: list[str]) -> str:
    """Put texts into lines. Inside of a cell a block ends with a space, so that a row stays one line."""
    pieces: list[str] = []
    gap = ""
    cells = 0
    for part in parts:
        if part == _BLOCK:
            gap = gap or (" " if cells else "\n")
        elif part == _ROW:
            if pieces and pieces[-1] == "\t" and not cells:
                pieces.pop()
            gap = " " if cells else "\n"
        elif part == _CELL:
            cells += 1
        else:
            end = part == _CELL_END
            if gap == "\n" or (gap and not end and pieces[-1:] != ["\t"]):
                pieces.append(gap)
            gap = ""
            cells -= end
            pieces.append("\t" if end else part)
    return "".join(pieces).strip()
