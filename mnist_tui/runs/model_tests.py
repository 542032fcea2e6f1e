"""Tests of two and more trained networks on the same test images.

They compare the networks as they were trained, not the experiments behind them: another seed would give other networks.
For experiments there are groups of seeds (`collection.seed_groups`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_tui.errors import RunError
from mnist_tui.runs.predictions import read_predictions
from mnist_tui.runs.scores import EXACT_BELOW, NORMAL_QUANTILE, holm, mcnemar_p, mcnemar_statistic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mnist_tui.runs.folder import RunFolder
    from mnist_tui.runs.origin import Origin

MOST_PAIRED = 4
"""Of more networks on the same images, only the most accurate one is tested against each other one."""
RUNS_KEPT = 64
TEST_IMAGES = "test images"
"""The evaluated images in results of earlier versions."""


@dataclass(frozen=True, eq=False)
class Answers:
    """A trained network's answers to test images.

    Attributes:
        name: the id of its run.
        dataset: the title of the dataset.
        images: what tells the images from others: their checksum (or the title of the dataset), which of them were
            evaluated, and how they were corrupted.
        labels: uint8 ``(n,)``, the true classes.
        right: bool ``(n,)``, which images are classified correctly.
    """

    name: str
    dataset: str
    images: str
    labels: NDArray[np.uint8]
    right: NDArray[np.bool_]

    @property
    def hits(self) -> int:
        """The number of images that are classified correctly."""
        return int(self.right.sum())


@dataclass(frozen=True)
class McNemarTest:
    """McNemar's test of two trained networks on the same test images.

    Attributes:
        images: the number of test images.
        both, only_first, only_second, neither: the number of images that both networks classify correctly, only the
            first one, only the second one, and neither.
        holm: the p value, corrected after Holm for the number of tests that belong together.
    """

    images: int
    both: int
    only_first: int
    only_second: int
    neither: int
    holm: float = 1.0

    @property
    def discordant(self) -> int:
        """The number of images that only one of the networks classifies correctly."""
        return self.only_first + self.only_second

    @property
    def method(self) -> str:
        """How the p value is computed: ``exact``, or ``corrected`` for χ² with the correction for continuity."""
        return "exact" if self.discordant < EXACT_BELOW else "corrected"

    @property
    def statistic(self) -> float | None:
        """χ² with the correction for continuity; None for the exact test."""
        return None if self.method == "exact" else mcnemar_statistic(self.only_first, self.only_second)

    @property
    def p(self) -> float:
        return mcnemar_p(self.only_first, self.only_second)

    @property
    def difference(self) -> float:
        """The accuracy of the first network minus that of the second one."""
        return (self.only_first - self.only_second) / self.images

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the difference, by the normal approximation for paired images."""
        reach = NORMAL_QUANTILE * math.sqrt(self.discordant - self.images * self.difference**2) / self.images
        return self.difference - reach, self.difference + reach

    def to_document(self) -> dict[str, Any]:
        """Return the test as a JSON object."""
        return {
            **asdict(self),
            "difference": self.difference,
            "interval": list(self.interval),
            "method": self.method,
            "statistic": self.statistic,
            "p": self.p,
        }


@dataclass(frozen=True)
class CochranTest:
    """Cochran's test of three or more trained networks on the same test images.

    Attributes:
        q: the statistic Q; None if every image is classified correctly by all networks or by none.
        degrees: its degrees of freedom, the number of networks minus 1.
        p: the p value by χ²; None without Q.
    """

    q: float | None
    degrees: int
    p: float | None


@dataclass(frozen=True, eq=False)
class ModelTests:
    """The tests of all networks with the same test images, the most accurate network first.

    Attributes:
        models: the networks.
        pairs: the places of two networks in `models`, the more accurate one first, with their test.
        cochran: the test of all together; None for two networks.
    """

    models: tuple[Answers, ...]
    pairs: tuple[tuple[int, int, McNemarTest], ...]
    cochran: CochranTest | None

    def to_document(self) -> dict[str, Any]:
        """Return the tests as a JSON object, with the ids of the runs."""
        names = [model.name for model in self.models]
        return {
            "runs": names,
            "dataset": self.models[0].dataset,
            "images": len(self.models[0].labels),
            "cochran": self.cochran and asdict(self.cochran),
            "pairs": [
                {"first": names[one], "second": names[other], **test.to_document()} for one, other, test in self.pairs
            ],
        }


def compare_pair(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> McNemarTest:
    """Test two networks.

    Args:
        first, second: bool ``(n,)``, which of the same images each network classifies correctly; n is 1 or more.
    """
    counts = (first & second, first & ~second, ~first & second, ~first & ~second)
    test = McNemarTest(len(first), *(int(chosen.sum()) for chosen in counts))
    return replace(test, holm=test.p)


def only_right(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the indices of the images that the first network classifies correctly and the second one does not."""
    return (first & ~second).nonzero()[0]


def cochran_test(right: Sequence[NDArray[np.bool_]]) -> CochranTest:
    """Test by Cochran's Q (Cochran, 1950) whether three or more networks are equally accurate.

    Q = (k − 1) · (k ΣG² − N²) / (k N − ΣL²) with k networks, G right images of a network, L networks that are right
    on an image, and N their sum; its distribution is about χ² with k − 1 degrees of freedom.

    Args:
        right: bool ``(n,)`` for each network, which of the same images it classifies correctly.
    """
    import numpy as np
    from scipy.special import chdtrc

    table = np.stack(right).astype(np.int64)
    networks, everything = len(table), int(table.sum())
    hits, agreeing = table.sum(axis=1), table.sum(axis=0)
    below = networks * everything - int((agreeing**2).sum())
    if not below:
        return CochranTest(None, networks - 1, None)
    q = (networks - 1) * (networks * int((hits**2).sum()) - everything**2) / below
    return CochranTest(q, networks - 1, float(chdtrc(networks - 1, q)))


def compare_models(answers: Iterable[Answers]) -> list[ModelTests]:
    """Test the networks that have the same test images with each other; one that shares them with no other is left out.

    All pairs of up to MOST_PAIRED networks are tested; of more, the most accurate one against each other one. The
    p values of the pairs are corrected after Holm.
    """
    import numpy as np

    alike: list[list[Answers]] = []
    for model in answers:
        for others in alike:
            same = others[0].images == model.images and np.array_equal(others[0].labels, model.labels)
            if same and len(model.labels):
                others.append(model)
                break
        else:
            alike.append([model])
    return [_tests_of(models) for models in alike if len(models) > 1]


def _tests_of(models: Iterable[Answers]) -> ModelTests:
    ranked = sorted(models, key=lambda model: -model.hits)
    places = range(len(ranked))
    chosen = list(combinations(places, 2)) if len(ranked) <= MOST_PAIRED else [(0, other) for other in places[1:]]
    tests = [compare_pair(ranked[one].right, ranked[other].right) for one, other in chosen]
    corrected = holm([test.p for test in tests])
    pairs = tuple((*two, replace(test, holm=p)) for two, test, p in zip(chosen, tests, corrected, strict=True))
    cochran = cochran_test([model.right for model in ranked]) if len(ranked) > 2 else None
    return ModelTests(tuple(ranked), pairs, cochran)


def tests_of_runs(runs: Sequence[RunFolder], seeds: Collection[str] = ()) -> list[ModelTests]:
    """Test the networks of runs that have the same test images with each other.

    Args:
        seeds: the ids of the runs that belong to a group of seeds. Where there are more than MOST_PAIRED runs, these
            are left out: their groups are compared over the seeds.
    """
    alone = [run for run in runs if len(runs) <= MOST_PAIRED or run.id not in seeds]
    return compare_models(filter(None, map(answers_of, alone)))


def answers_of(folder: RunFolder) -> Answers | None:
    """Return the answers of a run's network to its test images; None if the run has no readable predictions.

    They are kept in memory until `predictions.npz` changes.
    """
    try:
        results, origin, changed = folder.results(), folder.origin, folder.predictions_file.stat()
    except (OSError, RunError):
        return None
    if results is None:
        return None
    found = _labels_and_hits(folder.predictions_file, changed.st_mtime_ns, changed.st_size)
    if found is None:
        return None
    data = results.get("dataset") or {}
    return Answers(folder.id, str(data.get("title") or data.get("name") or ""), evaluated_images(data, origin), *found)


def evaluated_images(data: Mapping[str, Any], origin: Origin | None) -> str:
    """Return what tells the evaluated images of a run from others, from the data in its results and its origin."""
    checksum = data.get("sha256", {}).get("test_images") or data.get("title") or data.get("name")
    corrupted = origin.corrupt if origin is not None else ""
    return f"{checksum} {data.get('evaluated', TEST_IMAGES)} {corrupted}"


@lru_cache(RUNS_KEPT)
def _labels_and_hits(path: Path, *_changed: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]] | None:
    predictions = read_predictions(path)
    if predictions is None:
        return None
    return predictions.labels, predictions.probabilities.argmax(axis=1) == predictions.labels
