"""Escaping for Markdown, with markdown-it and pandoc as the readers."""

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mnist_tui.report.formats.tree import text_of
from mnist_tui.report.formats.writers import read_markdown
from mnist_tui.report.markdown import MarkdownText, code_block, escaped, image, link, table

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
TEXTS = st.text(alphabet="abiv1.)(*_`[]<>#+-=|~&\\! $:/{}^@%\"'", min_size=1, max_size=30)


def shown(text: str) -> str:
    """The text that a reader sees of one line of Markdown."""
    inline = [token for token in READER.parse(text) if token.type == "inline"]
    assert len(inline) <= 1
    return "".join(child.content for token in inline for child in token.children or [])


@given(TEXTS)
def test_any_text_is_shown_unchanged(text: str) -> None:
    assert shown(escaped(text)) == " ".join(text.split())


@given(TEXTS)
def test_any_text_stays_in_its_table_cell(text: str) -> None:
    table = f"| a | b |\n| --- | --- |\n| {escaped(text)} | end |"
    cells = [token for token in READER.parse(table) if token.type == "inline"]
    assert len(cells) == 4
    assert "".join(child.content for child in cells[2].children or []) == " ".join(text.split())


def test_names_of_layers_stay_readable() -> None:
    assert escaped("dense_1") == "dense_1"


@given(st.text(alphabet="`~a\n", max_size=30))
def test_a_code_block_holds_any_text(text: str) -> None:
    tokens = READER.parse(code_block(text, "sh") + "\n\nafter")
    assert tokens[0].type == "fence"
    assert tokens[0].content.rstrip() == text.rstrip()


@settings(max_examples=5, deadline=None)
@given(st.lists(TEXTS.filter(str.strip), min_size=1, max_size=100))
def test_pandoc_reads_any_text_as_itself_in_paragraphs_headings_tables_and_captions(texts: list[str]) -> None:
    parts = [part for text in texts for part in (escaped(text), f"## {escaped(text)} {{#id}}", image(text, "a", text))]
    blocks = read_markdown("\n\n".join([*parts, table(["a", "b"], [[text, "end"] for text in texts])]))["blocks"]
    plain = [" ".join(text.split()) for text in texts]
    *singles, pipes = blocks
    assert [text_of(block) for block in singles[0::3]] == plain
    assert [text_of(block) for block in singles[1::3]] == [f"{text} {{#id}}" for text in plain]
    assert [text_of(block["c"][0]) for block in singles[2::3]] == plain
    rows = pipes["c"][4][0][3]
    assert [[text_of(cell[4]) for cell in row[1]] for row in rows] == [[text, "end"] for text in plain]


def test_the_cells_of_a_table_are_escaped_unless_they_are_markdown_already() -> None:
    assert table(["№", "a|b"], [[link("*1*", "run-1"), "-1"]], {0}) == (
        "| № | a\\|b |\n| ---: | --- |\n| [\\*1\\*](#run-1) | \\-1 |"
    )
    assert escaped(MarkdownText("*1*")) == "*1*"


def test_characters_that_no_format_can_hold_are_replaced() -> None:
    assert escaped("a\x00b\x1b[31m\udc80") == r"a�b�\[31m�"
    assert code_block("a\x07\tb") == "```\na�\tb\n```"
