"""Escaping for Markdown, with markdown-it as the reader."""

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mnist_tui.report.markdown import code_block, escaped

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
TEXTS = st.text(alphabet="ab1.)(*_`[]<>#+-=|~&\\! $:/{}", min_size=1, max_size=30)


def shown(text: str) -> str:
    """What a reader sees of one line of Markdown."""
    inline = [token for token in READER.parse(text) if token.type == "inline"]
    assert len(inline) <= 1
    return "".join(child.content for token in inline for child in token.children or [])


@given(TEXTS)
def test_any_text_comes_out_as_itself(text: str) -> None:
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
