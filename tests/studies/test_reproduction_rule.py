"""When a published accuracy counts as reproduced: the borders."""

import pytest

from mnist_tui.experiment.presets import find_preset
from mnist_tui.runs.collection.seed_groups import SeedStatistics, summary
from mnist_tui.studies.reproduction.published_experiments import AgreementRule, rule_in_words, rule_of, verdict

ONE, SEVERAL, LINEAR, MACHINE = (
    AgreementRule("one", 5),
    AgreementRule("several", 10),
    AgreementRule("linear", 1),
    AgreementRule("machine", 5),
)


def ours(mean: float, std: float | None = 0.001, n: int = 5) -> SeedStatistics:
    return SeedStatistics(n, mean, std, None, mean, mean)


@pytest.mark.parametrize(
    ("name", "kind", "seeds"),
    [
        ("labo04-raw-tanh-250", "one", 5),
        ("efc2-mlp-reference", "several", 10),
        ("efc2-mlp-step1", "one", 5),
        ("efc-linear", "linear", 1),
        ("efc2-elm", "machine", 5),
    ],
)
def test_each_experiment_has_its_rule(name: str, kind: str, seeds: int) -> None:
    preset = find_preset(name)
    assert preset.reference is not None
    assert rule_of(preset.experiment, preset.reference.seeds) == AgreementRule(kind, seeds)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("rule", "published", "mean", "std", "word"),
    [
        (ONE, 0.9762, 0.9712, 0.001, "agrees"),
        (ONE, 0.9762, 0.9711, 0.001, "misses"),
        (ONE, 0.9762, 0.9812, 0.001, "agrees"),
        (ONE, 0.9762, 0.9813, 0.001, "misses"),
        (ONE, 0.9762, 0.9702, 0.003, "agrees"),
        (ONE, 0.9762, 0.9701, 0.003, "misses"),
        (SEVERAL, 0.9794, 0.9774, 0.01, "agrees"),
        (SEVERAL, 0.9794, 0.97739, 0.01, "misses"),
        (SEVERAL, 0.9794, 0.9814, 0.01, "agrees"),
        (LINEAR, 0.8647, 0.8617, None, "agrees"),
        (LINEAR, 0.8647, 0.8616, None, "misses"),
        (LINEAR, 0.8647, 0.8678, None, "misses"),
        (MACHINE, 0.9194, 0.9194, 0.001, "agrees"),
        (MACHINE, 0.9194, 0.9193, 0.001, "misses"),
        (MACHINE, 0.9194, 0.9900, 0.001, "agrees"),
    ],
)
def test_what_lies_on_the_border_is_within_and_an_image_further_is_not(
    rule: AgreementRule, published: float, mean: float, std: float | None, word: str
) -> None:
    found = verdict(rule, published, ours(mean, std, rule.seeds))
    assert found.word == word
    assert not found.provisional
    assert found.difference == pytest.approx(mean - published)


def test_borders_hold_for_every_accuracy_that_ten_thousand_images_can_give() -> None:
    for images in range(9_000, 9_900):
        published, mean = (images + 50) / 10_000, images / 10_000
        assert verdict(ONE, published, ours(mean)).word == "agrees"
        assert verdict(ONE, published + 0.0001, ours(mean)).word == "misses"


def test_the_margin_is_two_sample_deviations_where_that_is_more_than_half_a_point() -> None:
    found = summary([0.960, 0.966, 0.972, 0.969, 0.963])
    assert found is not None
    assert found.std == pytest.approx(0.0047434, abs=1e-7)
    assert verdict(ONE, 0.97548, found).word == "agrees"
    assert verdict(ONE, 0.97549, found).word == "misses"
    assert verdict(ONE, 0.97, found).margin == pytest.approx(2 * 0.0047434, abs=1e-7)


def test_one_seed_has_no_deviation_and_a_provisional_verdict() -> None:
    found = verdict(ONE, 0.98, ours(0.976, None, 1))
    assert (found.word, found.provisional, found.margin) == ("agrees", True, 0.005)
    assert verdict(SEVERAL, 0.98, ours(0.97, n=9)).provisional
    assert not verdict(LINEAR, 0.98, ours(0.98, None, 1)).provisional


def test_without_a_published_accuracy_nothing_is_compared_and_without_runs_nothing_is_said() -> None:
    assert verdict(ONE, None, ours(0.98)).word == "not comparable"
    assert verdict(ONE, None, ours(0.98)).difference is None
    assert verdict(ONE, 0.98, None).word == verdict(ONE, None, None).word == "not run"


def test_the_words_have_the_numbers_of_the_rule() -> None:
    text = " ".join(rule_in_words())
    for said in ("0.5 points or 2", "within ± 0.2 points", "within ± 0.3 points", "at or above", "provisional"):
        assert said in text
