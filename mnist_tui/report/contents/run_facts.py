"""The facts of the runs of a report: which ones all runs share, and what differs between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mnist_tui.experiment.optimizers import CLIPPING
from mnist_tui.experiment.parameters import PARAMETERS
from mnist_tui.report.contents.learning import steps_in_epoch
from mnist_tui.report.contents.one_run import (
    augmentation_in_words,
    checksum_facts,
    checksums_in_words,
    epochs_text,
    features_in_words,
    image_in_words,
    machine_facts,
    time_facts,
    validation_in_words,
)
from mnist_tui.report.contents.several_runs import (
    ReportSection,
    by_dataset,
    network_key,
    network_name,
    short_names,
    titles,
)
from mnist_tui.report.evidence import Evidence
from mnist_tui.report.markdown import Facts, MarkdownTable, value_in_words
from mnist_tui.report.result_words import number_ranges
from mnist_tui.wording import DASH, count, counted

DATASET, IMAGES, EPOCHS, NETWORK = "Dataset", "Training images", "Epochs", "Network"
FEATURES, AUGMENTATION = "Features", "Augmentation"
"""Facts that the words of a comparison name."""
IN_FACTS = {"dataset", "limit", "validation", "epochs", "batch-size", "seed"}
"""The parameters whose values stand among the facts of data and training, in words."""
IN_NETWORK = {"filters", "hidden"}
"""The parameters that are the sizes of the layers, which the network's name tells."""
SECTIONS_PER_TABLE = 5
"""The number of sections that fit side by side on a page."""


@dataclass(frozen=True)
class RunFact:
    """A fact about the runs of a section.

    Attributes:
        value: empty if it does not apply or is not known.
        chosen: whether the experiment chooses it, so that it can be the cause of a difference in the scores.
        elsewhere: whether the chapters before say it, unless it differs between runs.
    """

    label: str
    value: str
    chosen: bool = False
    elsewhere: bool = False


def facts_of(section: ReportSection, dataset: str) -> list[RunFact]:
    """Return the facts of a section's shown run; of a group of seeds, the seeds of all its runs and no times.

    An ensemble, and a model from elsewhere, has no facts of an experiment.

    Args:
        dataset: the title of the section's data.
    """
    evidence = section.shown.evidence
    data = _data_facts(evidence, dataset)
    if not evidence.has_own_layers:
        return [*(fact for fact in data if fact.label not in {FEATURES, AUGMENTATION}), *_recorded(section)]
    return [*data, *_training_facts(section), *_settings(evidence), *_recorded(section)]


def _data_facts(evidence: Evidence, dataset: str) -> list[RunFact]:
    data, spec = evidence.document["dataset"], evidence.experiment.dataset
    limited = " (limited)" if spec.limit else ""
    return [
        RunFact(DATASET, dataset, chosen=True),
        RunFact("Checksums (SHA-256)", checksums_in_words(data) if data else ""),
        RunFact(IMAGES, f"{count(data['train'])}{limited}" if data else "", chosen=True, elsewhere=True),
        RunFact("Test images", count(data["test"]) if data else "", elsewhere=True),
        RunFact("Validation images", validation_in_words(evidence), chosen=True),
        RunFact("Image size", image_in_words(evidence.experiment)),
        RunFact("Classes", str(evidence.experiment.classes)),
        RunFact(FEATURES, features_in_words(evidence.experiment), chosen=True),
        RunFact(AUGMENTATION, augmentation_in_words(evidence.experiment), chosen=True),
    ]


def _training_facts(section: ReportSection) -> list[RunFact]:
    evidence = section.shown.evidence
    seeds = number_ranges({run.evidence.summary.seed for run in section.runs})
    seed = RunFact("Seed", seeds, chosen=section.group is None, elsewhere=True)
    if not evidence.experiment.trains_in_epochs:
        return [seed]
    kept, done = evidence.results.get("weights_of_epoch"), len(evidence.state.history)
    weights = f", weights of epoch {kept:g}" if kept is not None and kept != done else ""
    size, steps = counted(evidence.experiment.training.batch_size, "image"), steps_in_epoch(evidence)
    return [
        RunFact(EPOCHS, f"{epochs_text(evidence)}{weights}", chosen=True, elsewhere=True),
        RunFact("Batch size", size, chosen=True, elsewhere=True),
        RunFact("Steps of the optimizer", count(steps * done) if steps else "", elsewhere=True),
        seed,
    ]


def _settings(evidence: Evidence) -> list[RunFact]:
    """Return the settings of network, optimizer and training that the other facts do not tell."""
    experiment, values = evidence.experiment, evidence.summary.values
    named = [
        RunFact(parameter.label, values.get(parameter.name, ""), chosen=True, elsewhere=True)
        for parameter in PARAMETERS
        if parameter.group not in {FEATURES, AUGMENTATION} and parameter.name not in IN_FACTS | IN_NETWORK
    ]
    of_optimizer = experiment.optimizer.model_dump(exclude={"name", "learning_rate", "momentum", *CLIPPING})
    excluded = {"epochs", "batch_size", "seed", "schedule", "warmup", "label_smoothing", "class_weights"}
    others = {**of_optimizer, **_leaves(experiment.training.model_dump(exclude=excluded))}
    more = [
        RunFact(_label(name), value_in_words(value), chosen=True, elsewhere=True)
        for name, value in others.items()
        if name != "patience"
    ]
    return [RunFact(NETWORK, network_name(evidence), chosen=True, elsewhere=True), *named, *more]


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _leaves(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings with those of inner tables beside them: ``{"monitor": "val_loss", …}``; None is left out."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _leaves(value) if isinstance(value, dict) else {} if value is None else {name: value}
    return flat


def _recorded(section: ReportSection) -> list[RunFact]:
    evidence = section.shown.evidence
    times = time_facts(evidence) if section.group is None else []
    return [RunFact(label, value) for label, value in (*times, *machine_facts(evidence))]


def shared_facts(sections: Sequence[ReportSection]) -> Facts:
    """Return the facts that all sections have in common, for one table; what is not known is left out."""
    return [
        (label, values[0])
        for label, (values, facts) in _by_label(sections).items()
        if values[0] and len(set(values)) == 1 and not facts[0].elsewhere
    ]


def checksums(sections: Sequence[ReportSection]) -> Facts:
    """Return the SHA-256 of every part of the data, each dataset once."""
    known: dict[str, Facts] = {}
    for title, alike in by_dataset(sections).items():
        for section in alike:
            parts = checksum_facts(section.shown.evidence)
            known.setdefault(str(parts), [(f"{title}, {label.partition(', ')[2]}", text) for label, text in parts])
    return [fact for parts in known.values() for fact in parts]


def differing_facts(sections: Sequence[ReportSection]) -> dict[str, list[str]]:
    """Return the facts that differ between sections by their labels, each with its value in every section.

    What only some of the networks have is left out, as the networks' names say that their layers are of other kinds.
    So is what is the same in all runs that have it, if only runs that were not trained here do not have it.
    """
    trained = [section.shown.evidence.origin is None for section in sections]

    def differ(values: Sequence[str]) -> bool:
        return len({value for value, known in zip(values, trained, strict=True) if value or known}) > 1

    rows = {label: values for label, (values, _) in _by_label(sections).items() if differ(values)}
    inside = {parameter.label for parameter in PARAMETERS if parameter.group == "Network"} if NETWORK in rows else set()
    return {label: values for label, values in rows.items() if label not in inside or "" not in values}


def _chosen(sections: Sequence[ReportSection]) -> set[str]:
    """Return the labels of the facts that experiments choose."""
    return {label for label, (_, facts) in _by_label(sections).items() if any(fact.chosen for fact in facts)}


def differing_settings(sections: Sequence[ReportSection]) -> list[str]:
    """Name what the experiments of sections chose differently, in lower case: ``network``, ``batch size``, ``epochs``.

    A setting that only some of the networks have, such as the activation of convolutions, belongs to the difference of
    the networks, and an argument that only some optimizers have to that of the optimizers.
    """
    rows = {
        label: values
        for label, values in differing_facts(sections).items()
        if label in _chosen(sections) and (label != IMAGES or len({*values} - {""}) > 1)
    }
    if NETWORK in rows and not _other_layers(sections):
        del rows[NETWORK]  # other features give the same layers another number of inputs
    if any(section.group is not None for section in sections):
        rows.pop("Seed", None)
    if "Optimizer" in rows:
        rows = {label: values for label, values in rows.items() if "" not in values}
    return [label[0].lower() + label[1:] for label in rows]


def _other_layers(sections: Sequence[ReportSection]) -> bool:
    return len({network_key(section.shown.evidence, features=False) for section in sections}) > 1


def _by_label(sections: Sequence[ReportSection]) -> dict[str, tuple[list[str], list[RunFact]]]:
    """Return each fact's value in every section by its label, in the order of the facts; empty where it has none."""
    titles_of = titles(sections)
    tables = [{fact.label: fact for fact in facts_of(section, titles_of[section.anchor])} for section in sections]
    labels = _in_order([list(table) for table in tables])
    return {
        label: (
            [table[label].value if label in table else "" for table in tables],
            [table[label] for table in tables if label in table],
        )
        for label in labels
    }


def _in_order(lists: Iterable[Sequence[str]]) -> list[str]:
    """Merge lists of labels into one without repetitions; a label stands behind the one that it follows in its list."""
    merged: list[str] = []
    for labels in lists:
        place = 0
        for label in labels:
            if label in merged:
                place = merged.index(label) + 1
            else:
                merged.insert(place, label)
                place += 1
    return merged


def difference_tables(sections: Sequence[ReportSection]) -> list[MarkdownTable]:
    """Return tables of what differs between sections, at most SECTIONS_PER_TABLE side by side; none if nothing does."""
    rows = differing_facts(sections)
    if not rows:
        return []
    tables, short = list[MarkdownTable](), short_names(sections)
    for start in range(0, len(sections), SECTIONS_PER_TABLE):
        part = sections[start : start + SECTIONS_PER_TABLE]
        names = [short[section.anchor] for section in part]
        cells = [
            (label, *(value or DASH for value in values[start : start + len(part)])) for label, values in rows.items()
        ]
        tables.append(MarkdownTable(("", *names), cells))
    return tables
