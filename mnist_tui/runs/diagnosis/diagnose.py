"""What a run's figures say, in plain words: the findings of all rules, worst first. For the screens and the report."""

from __future__ import annotations

from mnist_tui.experiment.closed_form import is_closed_form
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.diagnosis import curve_findings, network_findings
from mnist_tui.runs.diagnosis.closed_form import solved
from mnist_tui.runs.diagnosis.finding import SEVERITIES, Finding, loss
from mnist_tui.runs.diagnosis.last_epoch import last_epoch
from mnist_tui.runs.diagnosis.loss_gap import loss_gap
from mnist_tui.runs.state import RunState
from mnist_tui.wording import counted, percent

FEWEST_EPOCHS = 3
"""Before that a curve has no direction that could be told from chance."""
HEADLINE_WIDTH = 60


def diagnose(run: RunState, experiment: Experiment) -> tuple[Finding, ...]:
    """What can be said of a run, live or ended, worst first; never empty.

    Args:
        run: as the reducer has it.
        experiment: what it trains.
    """
    if is_closed_form(experiment):
        return (solved(run),)
    spoilt = curve_findings.spoilt(run, experiment)
    found = [spoilt] if spoilt is not None else curve_findings.finer(run, experiment)
    if not found and (bad := last_epoch(run, experiment)) is not None:
        found.append(bad)
    if spoilt is None:
        others = (network_findings.never_predicted(run), loss_gap(run, experiment))
        found += [finding for finding in others if finding is not None]
    if (dead := network_findings.dead_units(run, experiment)) is not None:
        found.append(dead)
    if run.state == "stopped" and len(run.history) < run.epochs and not any(one.kind == "unconverged" for one in found):
        found.append(_stopped(run))
    if not any(finding.severity in {"problem", "warning", "good"} for finding in found):
        found.append(_too_early(run) if len(run.history) < FEWEST_EPOCHS else _all_well(run))
    return tuple(sorted(found, key=lambda finding: SEVERITIES.index(finding.severity)))


def headlines(findings: tuple[Finding, ...]) -> list[str]:
    """One line a finding, of at most 60 columns: ``warning: Overfitting since epoch 12``."""
    return [f"{finding.severity}: {finding.headline}"[:HEADLINE_WIDTH] for finding in findings]


def _stopped(run: RunState) -> Finding:
    done, left = len(run.history), run.epochs - len(run.history)
    evidence = f"It ended after {counted(done, 'epoch')} of {run.epochs}; early stopping did not end it."
    advice = f"mnist-tui resume {run.run or 'RUN'} trains the other {left}."
    return Finding("stopped", "note", "Stopped before its end", evidence, advice)


def _too_early(run: RunState) -> Finding:
    done = len(run.history)
    epochs = "no epoch has ended" if not done else f"{done} epoch{'s have' if done > 1 else ' has'} ended"
    if run.live:
        advice = f"After epoch {FEWEST_EPOCHS} there is something to say."
    else:
        advice = f"Train for {FEWEST_EPOCHS} epochs or more: --epochs {max(10, FEWEST_EPOCHS)}."
    return Finding("too-early", "note", "Too few epochs to say", f"So far {epochs}.", advice)


def _all_well(run: RunState) -> Finding:
    last, best = run.history[-1], run.best
    assert last.val_loss is not None and best is not None and best.val_loss is not None
    evidence = f"After epoch {last.epoch} the validation loss is {loss(last.val_loss)}"
    evidence += f" and the validation accuracy {percent(last.val_accuracy)}" if last.val_accuracy is not None else ""
    evidence += f"; the lowest loss was {loss(best.val_loss)}, after epoch {best.epoch}." if best is not last else "."
    return Finding("well", "good", "All well: no rule found anything", evidence)
