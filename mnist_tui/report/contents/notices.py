"""What a reader must know before the figures: sample data, runs that did not finish, pieces that are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mnist_tui.report.contents.grid import run_numbers
from mnist_tui.report.evidence import UNKNOWN, Evidence
from mnist_tui.runs.state import LIVE
from mnist_tui.wording import noun

STATE_NOTICES = {
    "finished": "",
    "stopped": "This run was stopped before its last epoch; its figures are those of the moment.",
    "diverged": "This run diverged: its loss left every reasonable bound. Its figures show that, no more.",
    "failed": "This run failed; what follows is what was known until then.",
    "crashed": "This run's worker died without a word; what follows is what was known until then.",
    UNKNOWN: "",
}
SAMPLE_NOTICE = "The data are the bundled digits sample (scikit-learn, 1,797 images), not MNIST."


def run_notices(evidence: Evidence) -> list[str]:
    """What qualifies a run's figures, in sentences."""
    document = evidence.document
    if document["state"] in LIVE:
        found = ["This run has not ended; what follows is what is known so far."]
    else:
        reason = f" Reason: {document['reason']}." if document["reason"] else ""
        said = STATE_NOTICES.get(document["state"], f"This run is {document['state']}.")
        found = [f"{said}{reason}"] if said else []
    if document["dataset"] and document["dataset"].get("sample"):
        found.append(SAMPLE_NOTICE)
    return [*found, *evidence.missing]


def notices_and_warnings(evidence: Evidence) -> list[str]:
    """The notices, and what the run itself warned of."""
    return [*run_notices(evidence), *evidence.state.warnings]


def merged_notices(told: Mapping[int, Sequence[str]]) -> list[str]:
    """The notices of numbered runs, each once, with the runs that it is true of where there are several."""
    found: dict[str, list[int]] = {}
    for number, sentences in told.items():
        for sentence in sentences:
            found.setdefault(sentence, []).append(number)
    if len(told) == 1:
        return list(found)
    return [f"{noun(numbers, 'Run')} {run_numbers(numbers)}: {sentence}" for sentence, numbers in found.items()]
