"""Reports written from run folders: complete or not at all, with the same bytes for the same runs."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pypdf
import pytest

from mnist_tui.report.document import write_report
from mnist_tui.report.export import ExistsError, ExportError
from mnist_tui.report.formats import writers
from mnist_tui.runs.folder import Label, RunFolder, write_label
from tests.report.furnished import changed, furnished_run, seed_runs
from tests.report.reading import READ, compile_latex, dense, pdf_text, too_wide
from tests.report.recorded import recorded_run
from tests.report.sample_report import HARD, TITLE

WHEN = datetime(2026, 3, 1, 13, 5, tzinfo=UTC)
SUFFIXES = ("md", "tex", "html", "pdf", "docx")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return recorded_run(tmp_path_factory.mktemp("runs"))


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_formats_at_once_and_again_the_same_bytes(run: RunFolder, tmp_path: Path) -> None:
    for name in ("one", "two"):
        outputs = [tmp_path / name / f"report.{suffix}" for suffix in SUFFIXES]
        assert write_report([run], outputs, title=TITLE, author="A. Student", timestamp=WHEN) == outputs
    first, second = everything(tmp_path / "one"), everything(tmp_path / "two")
    assert first == second
    assert {Path(name).suffix for name in first if name.startswith("report_files/")} == {".svg", ".pdf"}
    assert len([name for name in first if "/" not in name]) == 5
    assert TITLE in "".join(page.extract_text() for page in pypdf.PdfReader(tmp_path / "one" / "report.pdf").pages)


def test_progress_is_reported_before_each_piece_of_the_work(run: RunFolder, tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    finished: list[list[str]] = []

    def listen(what: str, done: int, of: int) -> None:
        calls.append((what, done, of))
        if what.startswith("writing"):
            finished.append([path.name for path in tmp_path.glob(".tmp-*/report.*")])

    write_report([run], [tmp_path / "report.md", tmp_path / "report.html"], timestamp=WHEN, progress=listen)
    assert list(dict.fromkeys(what.split()[0] for what, _, _ in calls)) == ["reading", "drawing", "writing"]
    assert all(0 <= done < of for _, done, of in calls)
    first, second = [one for one in calls if one[0].startswith("writing")]
    assert first == ("writing report.md, report.html", 0, 2)
    assert finished[0] == []
    assert second in {("writing report.md", 1, 2), ("writing report.html", 1, 2)}


def test_a_report_over_runs_compiles_with_pdflatex(tmp_path: Path) -> None:
    preset = changed("cnn", schedule="exp:15:0.05", lr="0.00001", optimizer="adamw")
    runs = [furnished_run(tmp_path / "runs", preset), *seed_runs(tmp_path / "runs", range(3))]
    write_report(runs, [tmp_path / "report.tex"], title=TITLE, author="A. Student", timestamp=WHEN)
    log = compile_latex(tmp_path / "report.tex", "report")
    assert "undefined references" not in log
    assert too_wide(log) < 4
    text = pdf_text(tmp_path / "report.pdf").replace("ˆ", "^")
    assert dense(TITLE) in text
    assert "U+" not in text


@pytest.mark.parametrize("suffix", ["html", "pdf", "docx"])
def test_names_and_notes_of_a_user_are_shown_unchanged(suffix: str, tmp_path: Path) -> None:
    names = (TITLE, "$x_1$", "`*b*`", "#[a](b)", "@ref <l>", r"\input{x}", "//", '"q"', "~a~", "|")
    run = recorded_run(tmp_path / "runs", class_names=names)
    write_label(run, Label(TITLE, HARD))
    path = tmp_path / f"report.{suffix}"
    write_report([run], [path], timestamp=WHEN, full=True)
    text = READ[f".{suffix}"](path)
    assert text.count(dense(TITLE)) >= 4
    assert all(dense(name) in text for name in names)
    assert dense(HARD) in text


def test_only_the_figures_that_a_format_needs_are_left(run: RunFolder, tmp_path: Path) -> None:
    write_report([run], [tmp_path / "report.pdf"], timestamp=WHEN)
    assert [path.name for path in tmp_path.iterdir()] == ["report.pdf"]


def test_figures_on_their_own_are_pictures_with_their_data(run: RunFolder, tmp_path: Path) -> None:
    written = write_report([run], [tmp_path / "report.md"], figures=tmp_path / "figures", timestamp=WHEN)
    assert written == [tmp_path / "report.md", tmp_path / "figures"]
    kinds = {path.stem: set[str]() for path in (tmp_path / "figures").iterdir()}
    for path in (tmp_path / "figures").iterdir():
        kinds[path.stem].add(path.suffix)
    assert "run-1-history" in kinds
    assert all(found == {".svg", ".pdf", ".png", ".csv"} for found in kinds.values())
    history = (tmp_path / "figures" / "run-1-history.csv").read_text(encoding="utf-8")
    assert len(history.splitlines()) == 4


def test_files_that_are_there_are_not_replaced_unless_asked(run: RunFolder, tmp_path: Path) -> None:
    mine = tmp_path / "report.md"
    mine.write_text("mine", encoding="utf-8")
    with pytest.raises(ExistsError) as caught:
        write_report([run], [tmp_path / "report.html", mine])
    assert caught.value.paths == (mine,)
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]
    write_report([run], [mine], overwrite=True)
    mine.unlink()
    with pytest.raises(ExistsError) as caught:
        write_report([run], [mine])
    assert caught.value.paths == (tmp_path / "report_files",)
    assert not mine.exists()
    write_report([run], [mine], overwrite=True)
    assert mine.read_text(encoding="utf-8").startswith("# MNIST training\n")


def test_a_tex_beside_a_markdown_keeps_its_figures(run: RunFolder, tmp_path: Path) -> None:
    write_report([run], [tmp_path / "report.md"])
    write_report([run], [tmp_path / "report.tex"])
    kinds = [path.suffix for path in (tmp_path / "report_files").iterdir()]
    assert kinds.count(".svg") == kinds.count(".pdf") > 0


@pytest.mark.parametrize("name", ["report.txt", "report"])
def test_an_unknown_format_is_refused_before_anything_is_read(name: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"\.md, \.tex, \.html, \.pdf or \.docx"):
        write_report([RunFolder(tmp_path / "nowhere")], [tmp_path / name])


def test_nothing_asked_for_is_refused(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="needs a run"):
        write_report([], [tmp_path / "report.md"])
    with pytest.raises(ExportError, match="needs a run, and a file"):
        write_report([run], [])
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(ExportError, match="is a folder"):
        write_report([run], [tmp_path / "folder.md"], overwrite=True)


def test_a_place_that_cannot_be_written_is_named_and_nothing_is_left(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ExportError, match=r"cannot be written in .*file/in: Not a directory") as caught:
        write_report([run], [tmp_path / "file" / "in" / "report.md"])
    assert caught.value.refused
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_place_that_is_meant_is_named(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "report_files").write_text("", encoding="utf-8")
    report, before = tmp_path / "ok" / "report.html", sorted(tmp_path.iterdir())
    with pytest.raises(ExportError, match=rf"^{tmp_path}/file is a file; figures go into a folder"):
        write_report([run], [report], figures=tmp_path / "file")
    with pytest.raises(ExportError, match=rf"^{tmp_path}/report_files is a file; figures go into a folder"):
        write_report([run], [tmp_path / "report.md"])
    with pytest.raises(ExportError, match=rf"cannot be written in {tmp_path}/file/in: Not a directory"):
        write_report([run], [report], figures=tmp_path / "file" / "in")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("place", [f"a/{'n' * 300}/report.md", f"a/{'n' * 300}.html", f"{'n' * 252}.md"])
def test_a_name_that_is_too_long_is_an_error(run: RunFolder, tmp_path: Path, place: str) -> None:
    with pytest.raises(ExportError, match="File name too long") as caught:
        write_report([run], [tmp_path / place])
    assert caught.value.refused
    assert list(tmp_path.iterdir()) == []


def test_a_folder_where_a_figure_belongs_ends_the_work_before_anything_is_replaced(
    run: RunFolder, tmp_path: Path
) -> None:
    (tmp_path / "report.md").write_text("mine", encoding="utf-8")
    (tmp_path / "report_files" / "run-1-history.svg").mkdir(parents=True)
    with pytest.raises(ExportError, match=rf"cannot be written in {tmp_path}/report_files: Is a directory"):
        write_report([run], [tmp_path / "report.md"], overwrite=True)
    assert sorted(everything(tmp_path)) == ["report.md"]
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == "mine"


def test_a_full_disk_leaves_nothing_behind(run: RunFolder, tmp_path: Path) -> None:
    """A limit on the size of files replaces the full disk: writing fails in the same way."""
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "import matplotlib.font_manager\n"
        "from mnist_tui.report.document import write_report\n"
        "from mnist_tui.report.export import ExportError\n"
        "from mnist_tui.runs.folder import RunFolder\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n"
        "try:\n"
        "    write_report([RunFolder(Path(sys.argv[1]))], [Path(sys.argv[2])])\n"
        "except ExportError as error:\n"
        "    print(error.refused, error)\n"
    )
    output = tmp_path / "new" / "report.pdf"
    command = [sys.executable, "-c", script, str(run.path), str(output)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.startswith(f"False the report cannot be written in {output.parent}: File too large"), ended
    assert list(tmp_path.iterdir()) == []


def test_an_exception_from_the_progress_callback_ends_the_work(run: RunFolder, tmp_path: Path) -> None:
    class EnoughError(Exception):
        """Somebody closed the dialog."""

    def calls(what: str, done: int, _: int) -> None:
        if what.startswith("drawing") and done == 1:
            raise EnoughError

    for place in (tmp_path / "a", tmp_path / "a" / ".." / "b"):
        with pytest.raises(EnoughError):
            write_report([run], [place / "report.md"], progress=calls)
    assert list(tmp_path.iterdir()) == []


def test_without_pandoc_the_command_that_adds_it_is_named(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writers, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(ExportError, match="pip install pypandoc-binary") as caught:
        write_report([run], [tmp_path / "report.html"])
    assert not caught.value.refused
    assert list(tmp_path.iterdir()) == []


def test_the_default_title_names_the_data(tmp_path: Path) -> None:
    runs = [recorded_run(tmp_path, title=title) for title in ("MNIST", "a", "b", "MNIST")]
    write_report(runs, [tmp_path / "report.md"])
    assert (tmp_path / "report.md").read_text(encoding="utf-8").startswith("# MNIST, a and b training\n")


@pytest.mark.parametrize(("presets", "most"), [(["raw"], 5), (["raw", "hog", "cnn", "fashion"], 12)])
def test_a_short_report_has_few_pages(presets: list[str], most: int, tmp_path: Path) -> None:
    runs = [furnished_run(tmp_path / "runs", changed(name, epochs="3")) for name in presets]
    write_report(runs, [tmp_path / "report.pdf"], timestamp=WHEN)
    assert 3 < len(pypdf.PdfReader(tmp_path / "report.pdf").pages) <= most


def test_five_seeds_and_a_sweep_of_three_have_few_pages(tmp_path: Path) -> None:
    sweep = [furnished_run(tmp_path / "runs", changed("hog", epochs="3", hidden=size)) for size in ("50", "100", "150")]
    for name, runs, most in (("seeds", seed_runs(tmp_path / "runs", range(5)), 6), ("sweep", sweep, 8)):
        write_report(runs, [tmp_path / f"{name}.pdf"], timestamp=WHEN)
        assert 3 < len(pypdf.PdfReader(tmp_path / f"{name}.pdf").pages) <= most
