"""Wiki markup to ADF."""

import time
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jira_emulator.model import User
from jira_emulator.wiki import to_adf

Json = dict[str, object]

TEXT_BLOCKS = {"paragraph", "bulletList", "orderedList", "codeBlock"}
ALLOWED = {
    "doc": TEXT_BLOCKS | {"heading", "blockquote", "panel", "rule", "table"},
    "blockquote": TEXT_BLOCKS,
    "panel": TEXT_BLOCKS | {"heading", "rule"},
    "bulletList": {"listItem"},
    "orderedList": {"listItem"},
    "listItem": TEXT_BLOCKS,
    "table": {"tableRow"},
    "tableRow": {"tableCell", "tableHeader"},
    "tableCell": {"paragraph"},
    "tableHeader": {"paragraph"},
    "paragraph": {"text", "hardBreak", "mention"},
    "heading": {"text", "hardBreak", "mention"},
    "codeBlock": {"text"},
    "text": set(),
    "hardBreak": set(),
    "mention": set(),
    "rule": set(),
}
NEVER_EMPTY = {"blockquote", "panel", "bulletList", "orderedList", "listItem", "table", "tableCell", "tableHeader"}
MARKUP = (
    "h1. ", "h6. ", "bq. ", "* ", "** ", "# ", "*# ", "- ", "----", "|", "||", "{code}", "{code:java|title=T}",
    "{noformat}", "{quote}", "{panel:title=x}", "{panel}", "{color:red}", "{color}", "{{", "}}", "[", "]", "[~bob]",
    "[a|http://b.example/c]", "http://x.example/a_b", "https://", "://", "*", "_", "-", "+", "^", "~", "\\", "\\\\",
    "\n", "\n\n", "\r\n", " ", "\t", "a", "word", "1", ".", "é", "\u0000", "{html}",
)  # fmt: skip


def doc(*content: Json) -> Json:
    return {"type": "doc", "version": 1, "content": list(content)}


def paragraph(*content: Json) -> Json:
    return {"type": "paragraph", "content": list(content)}


def words(text: str, *marks: str) -> Json:
    return (
        {"type": "text", "text": text, "marks": [{"type": mark} for mark in marks]}
        if marks
        else {
            "type": "text",
            "text": text,
        }
    )


def children(node: Json) -> list[Json]:
    content = node.get("content", [])
    assert isinstance(content, list)
    return content


def texts(node: Json) -> list[str]:
    if node["type"] == "text":
        return [str(node["text"])]
    return [text for child in children(node) for text in texts(child)]


def assert_valid(node: Json) -> None:
    kind = str(node["type"])
    if kind in NEVER_EMPTY:
        assert children(node), kind
    if kind == "text":
        assert node["text"]
        marks = node.get("marks", [])
        assert isinstance(marks, list)
        kinds = [mark["type"] for mark in marks]
        assert len(kinds) == len(set(kinds))
        assert "code" not in kinds or set(kinds) <= {"code", "link"}
    for child in children(node):
        assert child["type"] in ALLOWED[kind], f"{child['type']} in {kind}"
        assert kind != "codeBlock" or "marks" not in child
        assert_valid(child)


@pytest.mark.parametrize(
    ("markup", "nodes"),
    [
        ("*bold*", [words("bold", "strong")]),
        ("_italic_", [words("italic", "em")]),
        ("-gone-", [words("gone", "strike")]),
        ("+more+", [words("more", "underline")]),
        ("{{mono *x*}}", [words("mono *x*", "code")]),
        ("a *b _c_* d", [words("a "), words("b ", "strong"), words("c", "strong", "em"), words(" d")]),
        ("x^2^ snake_case_name 2012-05-16 - no -", [words("x^2^ snake_case_name 2012-05-16 - no -")]),
        (
            "one\ntwo\\\\three",
            [words("one"), {"type": "hardBreak"}, words("two"), {"type": "hardBreak"}, words("three")],
        ),
        (r"\*not bold\* \{x}", [words("*not bold* {x}")]),
        ("{html}<b>{html} !img.png! {nothing}", [words("{html}<b>{html} !img.png! {nothing}")]),
        ("{color:red}{color} {color:nocolor}x{color}", [words("{color:red}{color} "), words("x")]),
        ("* a* _ b_", [words("* a* _ b_")]),
    ],
)
def test_text_effects(markup: str, nodes: list[Json]) -> None:
    # Leading text keeps the sample from being read as a list item.
    assert to_adf(f"> {markup}") == doc(paragraph(*joined([words("> "), *nodes])))


def joined(nodes: list[Json]) -> list[Json]:
    """Literal text is one node."""
    first, second, *rest = nodes
    if "marks" in second or second["type"] != "text":
        return nodes
    return [words(f"{first['text']}{second['text']}"), *rest]


@pytest.mark.parametrize(("sign", "kind"), [("^", "sup"), ("~", "sub")])
def test_superscript_and_subscript(sign: str, kind: str) -> None:
    marks: list[Json] = [{"type": "subsup", "attrs": {"type": kind}}]
    assert to_adf(f"{sign}2{sign}") == doc(paragraph({"type": "text", "text": "2", "marks": marks}))


def test_colours_by_name_and_number() -> None:
    [first, _, second] = children(children(to_adf("{color:Red}a{color} {color:#0aF}b{color}"))[0])
    assert first["marks"] == [{"type": "textColor", "attrs": {"color": "#ff0000"}}]
    assert second["marks"] == [{"type": "textColor", "attrs": {"color": "#00aaff"}}]


@pytest.mark.parametrize(
    ("markup", "text", "href"),
    [
        ("[here|http://a.example/b_c?d=1]", "here", "http://a.example/b_c?d=1"),
        ("[http://a.example]", "http://a.example", "http://a.example"),
        ("[x|https://a.example|smart-link]", "x", "https://a.example"),
        ("https://a.example/x_y_z-1", "https://a.example/x_y_z-1", "https://a.example/x_y_z-1"),
        ("[mail|mailto:a@example.com]", "mail", "mailto:a@example.com"),
    ],
)
def test_links(markup: str, text: str, href: str) -> None:
    link: Json = {"type": "text", "text": text, "marks": [{"type": "link", "attrs": {"href": href}}]}
    assert to_adf(f"{markup}") == doc(paragraph(link))


def test_punctuation_after_a_bare_address_is_no_part_of_it() -> None:
    [before, link, after] = children(children(to_adf("(see http://a.example/b)."))[0])
    assert (before["text"], link["text"], after["text"]) == ("(see ", "http://a.example/b", ").")


@pytest.mark.parametrize("literal", ["[1]", "[^file.txt]", "[a|b]", "[~nobody]", "[]", "http://", "12:34"])
def test_what_is_no_link_stays_literal(literal: str) -> None:
    assert to_adf(literal) == doc(paragraph(words(literal)))


def test_mentions_become_nodes_when_the_account_is_known() -> None:
    accounts = {"bob": User("abc:1", "Bob B"), "abc:1": User("abc:1", "Bob B")}
    mention: Json = {"type": "mention", "attrs": {"id": "abc:1", "text": "@Bob B"}}
    assert to_adf("[~bob] [~accountid:abc:1] [~eve]", accounts.get) == doc(
        paragraph(mention, words(" "), mention, words(" [~eve]"))
    )


def test_headings_rules_and_short_quotes() -> None:
    assert to_adf("h2. Title *x*\n----\nbq. said\nh1.no") == doc(
        {"type": "heading", "attrs": {"level": 2}, "content": [words("Title "), words("x", "strong")]},
        {"type": "rule"},
        {"type": "blockquote", "content": [paragraph(words("said"))]},
        paragraph(words("h1.no")),
    )


def test_lists_nest_and_mix() -> None:
    found = to_adf("* a\nmore\n** b\n*# c\n# d\n\n- e")
    item: Json = {"type": "hardBreak"}
    assert found == doc(
        {
            "type": "bulletList",
            "content": [
                {
                    "type": "listItem",
                    "content": [
                        paragraph(words("a"), item, words("more")),
                        {"type": "bulletList", "content": [{"type": "listItem", "content": [paragraph(words("b"))]}]},
                        {"type": "orderedList", "content": [{"type": "listItem", "content": [paragraph(words("c"))]}]},
                    ],
                }
            ],
        },
        {"type": "orderedList", "content": [{"type": "listItem", "content": [paragraph(words("d"))]}]},
        {"type": "bulletList", "content": [{"type": "listItem", "content": [paragraph(words("e"))]}]},
    )


def test_a_list_that_starts_deep_is_not_indented() -> None:
    assert to_adf("*** a") == to_adf("* a")


def test_code_keeps_its_text_and_language() -> None:
    body = "if (a) {\n  b = '*x*';\n}"
    assert to_adf(f"before {{code:java|title=Main}}\n{body}\n{{code}} after") == doc(
        paragraph(words("before ")),
        paragraph(words("Main", "strong")),
        {"type": "codeBlock", "attrs": {"language": "java"}, "content": [words(body)]},
        paragraph(words(" after")),
    )
    assert to_adf("{noformat}{code}*{noformat}") == doc(
        {"type": "codeBlock", "attrs": {}, "content": [words("{code}*")]}
    )


def test_an_unclosed_macro_is_literal() -> None:
    assert to_adf("{code}\nx {quote}y{quote}") == doc(
        paragraph(words("{code}"), {"type": "hardBreak"}, words("x ")),
        {"type": "blockquote", "content": [paragraph(words("y"))]},
    )


def test_a_quote_holds_only_what_adf_allows_there() -> None:
    [quote] = children(to_adf("{quote}\nh1. T\n* i\n----\n|a|b|\n{panel}p{panel}\n{code}c{code}\n{quote}"))
    assert quote["type"] == "blockquote"
    assert [child["type"] for child in children(quote)] == [
        "paragraph", "bulletList", "paragraph", "codeBlock",
    ]  # fmt: skip
    assert texts(quote) == ["T", "i", "----", "|a|b|", "p", "c"]


def test_panels_keep_title_and_blocks() -> None:
    assert to_adf("{panel:title=Note|borderStyle=solid}\nh3. x\n{panel}") == doc(
        paragraph(words("Note", "strong")),
        {
            "type": "panel",
            "attrs": {"panelType": "info"},
            "content": [{"type": "heading", "attrs": {"level": 3}, "content": [words("x")]}],
        },
    )


def test_tables_have_header_cells_and_links_with_bars() -> None:
    [table] = children(to_adf("||Name||Link||\n|a|[b|http://c.example]|\n| |d"))
    rows = [[(cell["type"], "".join(texts(cell))) for cell in children(row)] for row in children(table)]
    assert rows == [
        [("tableHeader", "Name"), ("tableHeader", "Link")],
        [("tableCell", "a"), ("tableCell", "b")],
        [("tableCell", ""), ("tableCell", "d")],
    ]


@pytest.mark.parametrize("text", ["", " ", "\n \r\n\t\n", "{quote}{quote}"])
def test_blank_text_has_no_content(text: str) -> None:
    assert to_adf(text) == doc()


def test_bars_alone_are_text() -> None:
    assert to_adf("|||") == doc(paragraph(words("|||")))


def test_nul_is_kept() -> None:
    assert texts(to_adf("a\u0000b")) == ["a\u0000b"]


@given(st.one_of(st.text(), st.lists(st.sampled_from(MARKUP), max_size=40).map("".join)))
@example("*_-+^~a~^+-_*")
@example("{color:red}[*a*|http://b.example]{{c}}{color}")
def test_any_text_gives_valid_adf(text: str) -> None:
    assert_valid(to_adf(text, lambda name: User("1", name) if len(name) % 2 else None))


@given(st.text(st.one_of(st.sampled_from(" \n\t,;()'\""), st.characters(categories=["L", "N"]))))
def test_no_word_of_plain_text_is_lost(text: str) -> None:
    """Without any sign of markup, all text between white space arrives, in order."""
    assert " ".join(texts(to_adf(text))).split() == text.split()


@given(
    st.lists(st.sampled_from(["alpha", "Beta", "γ", "4711", "*", "_", "-", "[", "]", "{", "}", "|", "h1.", "\n", ":"]))
)
def test_no_word_among_blank_separated_signs_is_lost(tokens: list[str]) -> None:
    """Signs that stand alone can start a block or stay literal; the words around them arrive in order."""
    given_words = [token for token in tokens if token[0].isalnum() and token != "h1."]
    found = " ".join(texts(to_adf(" ".join(tokens)))).split()
    assert [word for word in found if word in {"alpha", "Beta", "γ", "4711"}] == given_words


def measured(action: Callable[[], object]) -> float:
    started = time.process_time()
    action()
    return time.process_time() - started


HOSTILE = [
    "*", "[", "{", "|", "h1. ", "{code}", "{quote}", "{panel:x}", "{color:red}", "{{a", "\\", "\\*", "[a|", "http://",
    "_a ", "* ", "* a\n", "|a", "[~a]", "*{color:red}", "{quote}{panel}", "*_-+^~", "\n", " ", "- a\n#",
    "{color:red}a{color",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_grows_with_the_length_only(unit: str) -> None:
    """A hundred thousand repetitions; quadratic work on them would take minutes."""
    assert measured(lambda: to_adf(unit * 100_000)) < 10


def test_three_megabytes_take_less_than_two_seconds() -> None:
    text = "The quick brown fox jumps over foo-bar_baz: 12:34, [1] {x} *bold* and much more\n" * 40_000
    assert len(text) > 3_000_000
    assert measured(lambda: to_adf(text)) < 2
