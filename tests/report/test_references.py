"""Citations: their numbers, the entries of the bibliography, and the links between them in every format."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import docx
import html5lib
import pypdf
import pytest

from mnist_tui.experiment.presets import list_presets
from mnist_tui.report.contents.references import Citations, bibliography
from mnist_tui.report.document import REPORT_FORMATS
from mnist_tui.report.formats.writers import prepare_report
from mnist_tui.report.markdown import Report, render_template


def test_works_are_numbered_in_the_order_of_their_first_citation():
    cite = Citations()
    assert cite("kingma2015") == "[[1]](#ref-kingma2015)"
    assert cite("tieleman2012", "kingma2015") == "[[2]](#ref-tieleman2012), [[1]](#ref-kingma2015)"
    assert [(work.number, work.key) for work in cite.references()] == [(1, "kingma2015"), (2, "tieleman2012")]


def test_an_unknown_work_is_refused_and_leaves_no_number():
    cite = Citations()
    with pytest.raises(KeyError):
        cite("nobody1900")
    assert cite.references() == []


def test_every_work_has_a_title_and_where_it_is_to_be_found():
    for key, work in bibliography().items():
        assert work.title and work.venue and re.fullmatch(r"[a-z0-9-]+", key), key
        assert work.source or (work.authors and work.year), key
        assert not (work.doi and work.url), key
        assert not work.doi or re.fullmatch(r"10\.\d{4,5}/\S+", work.doi), key
        assert not re.search(r"\.\.|\?\.|,,", work.text.replace(work.url, "")), work.text


def test_the_source_of_every_preset_with_published_figures_can_be_cited():
    sources = {preset.reference.source for preset in list_presets() if preset.reference and preset.origin == "built-in"}
    assert len(sources) == 9, "five reports and four publications of well-known networks"
    assert all(Citations().source({"source": source}) for source in sources)
    assert Citations().source({"source": "a file of the user's"}) == ""


@pytest.fixture(scope="module")
def formats(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A short report that cites two works, in every format."""
    cite = Citations()
    text = f"Adam {cite('kingma2015')} and early stopping {cite('prechelt1998')} are known.\n\n"
    text += render_template("references.md.j2", {"references": cite.references()})
    report = Report("Title", "", datetime(2026, 1, 1, tzinfo=UTC), text, ())
    ready = prepare_report(report, tmp_path_factory.mktemp("figures"))
    return {suffix: form.write(ready, "figures") for suffix, form in REPORT_FORMATS.items()}


def test_a_citation_leads_to_its_entry_in_every_format(formats: dict[str, bytes]):
    page = html5lib.parse(formats[".html"].decode(), namespaceHTMLElements=False)
    ids = {element.get("id") for element in page.iter()}
    links = {link.get("href") for link in page.iter("a")}
    assert {"#ref-kingma2015", "#ref-prechelt1998"} <= links and {"ref-kingma2015", "ref-prechelt1998"} <= ids
    tex = formats[".tex"].decode()
    assert r"\hyperref[ref-kingma2015]" in tex and r"\label{ref-kingma2015}" in tex
    document = docx.Document(io.BytesIO(formats[".docx"])).element.xml
    assert 'w:anchor="ref-kingma2015"' in document and 'w:name="ref-kingma2015"' in document
    pages = pypdf.PdfReader(io.BytesIO(formats[".pdf"])).pages
    annotations = [mark.get_object() for page in pages for mark in page.get("/Annots", [])]
    inside = [mark for mark in annotations if "/Dest" in mark or mark.get("/A", {}).get("/S") == "/GoTo"]
    assert len(inside) >= 3  # the line of the contents, and two citations
    assert "[2] L. Prechelt. Early stopping – but when? Neural Networks" in " ".join(
        "".join(page.extract_text() for page in pages).split()
    )


def test_the_markdown_links_a_citation_to_its_entry(formats: dict[str, bytes]):
    text = formats[".md"].decode()
    assert r"Adam [\[1\]](#ref-kingma2015)" in text and "anchor:" not in text
    assert (
        r'<a id="ref-kingma2015"></a>\[1\] D. P. Kingma and J. Ba. *Adam: A method for stochastic optimization*.'
        in text
    )
