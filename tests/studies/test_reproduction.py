"""Which experiments the sources have, which runs count for them, what is missing, and how long that takes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mnist_tui.cli import reproduction_table as words
from mnist_tui.errors import RequestError
from mnist_tui.experiment.complexity import of
from mnist_tui.experiment.presets import find_preset, mathematics
from mnist_tui.runs.process_folder import Status
from mnist_tui.studies.reproduction.published_experiments import PublishedExperiment, choose, pooled, sources
from mnist_tui.studies.reproduction.table import (
    ReproductionRow,
    ReproductionTable,
    build_table,
    find_runs,
    find_unfinished,
    missing_seeds,
    missing_trainings,
    read_explanations,
    seed_ranges,
)
from mnist_tui.studies.spec import Study, checked
from mnist_tui.studies.start import StudyRequest, create_study
from tests.report.recorded import CREATED
from tests.studies.reproduced import finished

EVERY = sources()
SUBJECTS = {name: published for source in EVERY for published in source.experiments for name in published.ids}
WANTED = [published.mathematics for published in SUBJECTS.values()]


def table(runs_dir: Path, *words: str, seeds: int | None = None) -> ReproductionTable:
    return build_table(choose(words, EVERY), find_runs(runs_dir, WANTED), among=EVERY, seeds=seeds)


(CLASSICS,) = (source for source in EVERY if source.name == "classics")


def row(runs_dir: Path, name: str) -> ReproductionRow:
    (found,) = table(runs_dir, name).rows
    return found


def reproduction(rows: tuple[ReproductionRow, ...], **more: str) -> Study:
    return checked(
        kind="reproduction", title="t", bases=missing_trainings(missing_seeds(rows)).bases, created=CREATED, **more
    )


def test_every_experiment_of_the_five_sources_is_there_once() -> None:
    reports = [source for source in EVERY if source.name != "classics"]
    assert [source.name for source in reports] == [
        *("cnn-architectures", "efc2", "labo04", "mnist-training", "various-mlp")
    ]
    assert sum(len(part.ids) for source in reports for part in source.experiments) == 60
    assert sum(len(source.experiments) for source in reports) == 58


def test_well_known_networks_of_several_publications_stand_under_one_title() -> None:
    assert CLASSICS.title == "Classics"
    assert len({reference.source for each in CLASSICS.experiments for reference in each.references}) > 1


def test_a_training_that_its_source_lists_twice_is_one_with_the_mean_of_its_figures() -> None:
    published = SUBJECTS["report-convnet2layers-b"]
    assert published.ids == ("report-convnet2layers-a", "report-convnet2layers-b")
    assert published.accuracy == pytest.approx((0.9880 + 0.9879) / 2)
    assert published.loss is None
    unpublished = replace(published.presets[1], reference=published.references[1].model_copy(update={"accuracy": None}))
    (one,) = pooled([published.presets[0], unpublished])
    assert one.accuracy == 0.9880


def test_a_mean_over_seeds_is_not_pooled_with_a_single_training_of_the_same(tmp_path: Path) -> None:
    several, single = SUBJECTS["efc2-cnn-developed"], SUBJECTS["efc2-cnn-step7"]
    assert several.mathematics == single.mathematics
    assert (several.accuracy, single.accuracy) == (0.9929, 0.9940)
    (both,) = missing_seeds(table(tmp_path, "efc2-cnn-developed", "efc2-cnn-step7").rows)
    assert both.seeds == tuple(range(10))


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("efc2", 21),
        ("MNIST Training", 3),
        ("classics", len(CLASSICS.experiments)),
        ("all", len(CLASSICS.experiments) + 58),
        ("EFC-Linear", 1),
        ("report-mlp2layers-b", 1),
    ],
)
def test_a_source_an_id_or_all_is_choose(word: str, count: int) -> None:
    assert sum(len(source.experiments) for source in choose([word], EVERY)) == count


def test_a_word_that_means_nothing_is_answered_with_the_nearest() -> None:
    with pytest.raises(RequestError, match="labo4 is neither a source nor an experiment of one; did you mean labo04"):
        choose(["efc2", "labo4"], EVERY)


def test_runs_count_one_a_seed_the_newest_and_only_the_seeds_that_are_wanted(tmp_path: Path) -> None:
    for seed, accuracy in ((0, 0.97), (2, 0.975), (7, 0.5)):
        finished(tmp_path, "various-mlp2", seed, accuracy)
    finished(tmp_path, "various-mlp2", 0, 0.98, created=CREATED + 100)
    found = row(tmp_path, "various-mlp2")
    assert [(run.seed, run.accuracy) for run in found.runs] == [(0, 0.98), (2, 0.975)]
    assert found.missing == (1, 3, 4)
    (wide,) = table(tmp_path, "various-mlp2", seeds=8).rows
    assert len(wide.runs) == 3


def test_a_run_counts_though_it_ran_its_steps_otherwise(tmp_path: Path) -> None:
    finished(tmp_path, "various-mlp2", training={"program": "graph", "plain_loss": True})
    assert len(row(tmp_path, "various-mlp2").runs) == 1


def test_runs_of_anything_else_do_not_count(tmp_path: Path) -> None:
    finished(tmp_path, "various-mlp2", training={"epochs": 3})
    finished(tmp_path, "various-mlp2", limit=2_000)
    finished(tmp_path, "various-mlp2", sample=True)
    finished(tmp_path, "various-mlp2", state="stopped")
    finished(tmp_path, "labo04-fashion-final")
    torn = finished(tmp_path, "various-mlp2")
    torn.results_file.write_text("{}")
    going_on = finished(tmp_path, "various-mlp2")
    going_on.write_status(Status("stopped"))
    other = finished(tmp_path, "various-mlp2")
    results = json.loads(other.results_file.read_text())
    results["dataset"]["sha256"]["train_images"] = "0" * 64
    other.results_file.write_text(json.dumps(results))
    assert table(tmp_path).runs == ()


def test_a_run_of_two_rows_is_one_run(tmp_path: Path) -> None:
    finished(tmp_path, "efc2-cnn-step7")
    found = table(tmp_path, "efc2")
    assert sum(len(one.runs) for one in found.rows) == 2
    assert len(found.runs) == 1


def test_machines_are_told_apart_the_busiest_first_and_never_by_name(tmp_path: Path) -> None:
    finished(tmp_path, "various-mlp2", 0, platform={"cpu": "Fast", "host": "secret"})
    finished(tmp_path, "various-mlp2", 1)
    finished(tmp_path, "various-mlp2", 2, platform={"host": "other"})
    machines = table(tmp_path).machines
    assert [machine.cpu for machine in machines] == ["Test | CPU_1 *fast*", "Fast"]
    assert machines[0].os == "Testix 1"


def test_gaps_between_seeds_become_bases_of_their_own(tmp_path: Path) -> None:
    assert seed_ranges((0, 1, 4, 6, 7)) == [(0, 2), (4, 1), (6, 2)]
    finished(tmp_path, "various-mlp2", 1)
    asked = missing_trainings(missing_seeds(table(tmp_path, "various-mlp2", "efc-linear").rows))
    assert [(base.preset, base.first_seed, base.seeds) for base in asked.bases] == [
        ("efc-linear", 0, 1),
        ("various-mlp2", 0, 1),
        ("various-mlp2-from-seed-2", 2, 3),
    ]
    assert all(mathematics(preset.experiment) in WANTED for preset in asked.presets.values())
    assert len(asked.trainings) == 5
    again = missing_trainings(missing_seeds(table(tmp_path, "various-mlp2").rows, again=True))
    assert [(base.first_seed, base.seeds) for base in again.bases] == [(0, 5)]


def test_an_unfinished_reproduction_of_the_same_is_found_and_one_under_way_is_not_doubled(tmp_path: Path) -> None:
    rows = table(tmp_path, "various-mlp2", "efc-linear").rows
    asked = missing_trainings(missing_seeds(rows))
    study = reproduction(rows)
    folder = create_study(tmp_path, StudyRequest(study, asked.presets))
    folder.write_status(Status("stopped"))
    assert find_unfinished(tmp_path, study, asked.trainings) == folder
    assert find_unfinished(tmp_path, reproduction(rows, device="cpu"), asked.trainings) is None
    fewer = missing_trainings(missing_seeds(rows[:1]))
    assert find_unfinished(tmp_path, reproduction(rows[:1]), fewer.trainings) is None
    create_study(tmp_path, StudyRequest(study, asked.presets))
    folder.write_status(replace(folder.status(), state="running", host="elsewhere", heartbeat=4e9))
    with pytest.raises(RequestError, match=r"study .* is running and trains some of these"):
        find_unfinished(tmp_path, reproduction(rows[:1]), fewer.trainings)


def test_a_time_is_taken_from_its_own_runs_else_from_a_network_alike_else_not_at_all(tmp_path: Path) -> None:
    for seed, seconds in enumerate((50.0, 60.0, 90.0)):
        finished(tmp_path, "labo04-raw-tanh-250", seed, seconds=seconds)
    own = row(tmp_path, "labo04-raw-tanh-250").estimate
    assert own is not None
    assert (own.seconds, own.at_most, own.like) == (60.0, False, "labo04-raw-tanh-250")
    alike = row(tmp_path, "labo04-raw-sigmoid-250").estimate
    assert alike is not None
    assert (alike.seconds, alike.like) == (pytest.approx(60.0), "labo04-raw-tanh-250")
    assert row(tmp_path, "labo04-raw-tanh-300").estimate is None
    assert row(tmp_path, "cnn-model1").estimate is None


def test_a_larger_network_takes_longer_by_its_multiply_accumulates_and_its_epochs(tmp_path: Path) -> None:
    finished(tmp_path, "labo04-cnn-relu-25", seconds=100.0)
    here, there = (SUBJECTS[f"labo04-cnn-relu-{width}"].preset.experiment for width in (35, 25))
    ratio = of(here).macs / of(there).macs
    assert 1.0 < ratio <= 1.25
    estimate = row(tmp_path, "labo04-cnn-relu-35").estimate
    assert estimate is not None
    assert estimate.seconds == pytest.approx(25 + 75 * ratio * here.training.epochs / there.training.epochs)


def test_a_time_with_early_stopping_is_an_upper_bound(tmp_path: Path) -> None:
    finished(tmp_path, "efc2-mlp-step3")
    estimate = row(tmp_path, "efc2-mlp-step4").estimate
    assert estimate is not None
    assert estimate.at_most


def test_explanations_are_read_by_id_and_none_are_made_up(tmp_path: Path) -> None:
    path = tmp_path / "MISSES.md"
    assert read_explanations(path) == {}
    path.write_text("# Misses\n\nHow.\n\n## one\n\nBecause\nof this.\n\n## two\n\nOf that.\n")
    assert read_explanations(path) == {"one": "Because of this.", "two": "Of that."}


def test_the_kept_explanations_are_of_experiments_that_there_are() -> None:
    assert read_explanations().keys() <= SUBJECTS.keys()


def test_a_preset_that_is_a_source_s_under_another_name_is_no_second_experiment() -> None:
    hog = find_preset("hog")
    assert PublishedExperiment((hog,)).mathematics == SUBJECTS["labo04-hog-sigmoid-ppc4"].mathematics
    assert "hog" not in SUBJECTS


def test_a_seed_that_diverged_was_run_and_is_not_missing(tmp_path: Path) -> None:
    finished(tmp_path, "various-mlp2", seed=0)
    diverged = finished(tmp_path, "various-mlp2", seed=1)
    diverged.write_status(Status("diverged"))
    (one,) = build_table(choose(["various-mlp2"], EVERY), find_runs(tmp_path, WANTED), among=EVERY, seeds=3).rows
    assert ([run.seed for run in one.runs], one.diverged, one.missing) == ([0], (1,), (2,))
    assert words.seeds(one).endswith("1 diverged")
