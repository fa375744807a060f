import pytest

from digital_spiral.infrastructure.external.jira.adf_text import adf_text

Node = dict[str, object]


def text(words: str) -> Node:
    return {"type": "text", "text": words}


def node(kind: str, *content: Node, **attributes: object) -> Node:
    return {"type": kind, "content": list(content), "attrs": attributes}


def doc(*content: Node) -> Node:
    return {"type": "doc", "version": 1, "content": list(content)}


def cell(*content: Node) -> Node:
    return node("tableCell", *content)


def test_blocks_are_lines() -> None:
    document = doc(
        node("heading", text("Title"), level=1),
        node("paragraph", text("One "), text("line")),
        node("paragraph"),
        node("bulletList", node("listItem", node("paragraph", text("first"))), node("listItem", node("paragraph"))),
        node("codeBlock", text("a = 1\nb = 2"), language="python"),
        node("rule"),
        node("paragraph", text("end")),
    )
    assert adf_text(document) == "Title\nOne line\nfirst\na = 1\nb = 2\nend"


def test_inline_nodes_show_what_a_reader_sees() -> None:
    document = doc(
        node(
            "paragraph",
            node("mention", id="557058:1", text="@Ada"),
            text(" "),
            node("mention", id="557058:2"),
            {"type": "hardBreak"},
            node("emoji", shortName=":tada:", text="🎉"),
            node("emoji", shortName=":own:"),
            node("status", text="DONE", color="green"),
            node("inlineCard", url="https://example.com/x"),
            node("date", timestamp="1700000000000"),
        )
    )
    assert adf_text(document) == "@Ada 557058:2\n🎉:own:DONEhttps://example.com/x1700000000000"


def test_a_table_row_is_a_line_with_tabs() -> None:
    rows = [
        node("tableRow", node("tableHeader", node("paragraph", text("A"))), cell(node("paragraph", text("B")))),
        node("tableRow", cell(node("paragraph")), cell(node("paragraph", text("x")), node("paragraph", text("y")))),
    ]
    document = doc(node("paragraph", text("before")), node("table", *rows), node("paragraph", text("after")))
    assert adf_text(document) == "before\nA\tB\n\tx y\nafter"


def test_unknown_nodes_contribute_their_content() -> None:
    assert adf_text(doc(node("futureBlock", node("paragraph", text("kept"))))) == "kept"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (None, None),
        ("plain", "plain"),
        (doc(), ""),
        ({"type": "doc", "content": "broken"}, ""),
        ({"type": "doc", "content": [None, 3, {"type": "text"}, {"type": "text", "text": 5}]}, ""),
        (doc(node("mention"), node("emoji", text=7)), ""),
        ([], ""),
    ],
)
def test_what_is_no_document_has_no_text(document: object, expected: str | None) -> None:
    assert adf_text(document) == expected


def test_depth_does_not_matter() -> None:
    document = node("paragraph", text("deep"))
    for _ in range(50_000):
        document = node("blockquote", document)
    assert adf_text(doc(document)) == "deep"
    while isinstance(content := document["content"], list) and content and content[0]["type"] != "text":
        document["content"], document = [], content[0]
