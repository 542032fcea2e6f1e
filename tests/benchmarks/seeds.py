"""Test accuracy of the engine and of bare Keras `fit`, seed by seed: `python -m tests.benchmarks.seeds --keep FILE`.

A seed means other weights, orders and masks in each: pairs share no more than its number. It takes about an hour; what
is in FILE (JSON lines) is not done again.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from mnist_tui.experiment.presets import Preset, find_preset
from mnist_tui.experiment.spec import Experiment
from mnist_tui.runs.folder import Launch, create
from mnist_tui.runs.start import WORKER
from tests.benchmarks import results
from tests.benchmarks.arrays import Arrays, arrays, with_data
from tests.benchmarks.fit import fit, model

EPOCHS = {"raw": 10, "hog": 10, "cnn": 10, "fashion": 50}


def by_engine(experiment: Experiment, place: Path, device: str) -> float:
    """Test accuracy after a run in a worker of its own: one process trains one run.

    Raises:
        SystemExit: it failed.
    """
    folder = create(place / "runs", Preset("seeds", experiment, origin="run"), Launch(time.time(), "", device))
    worker = [sys.executable, "-m", WORKER, "--run", str(folder.path)]
    done = subprocess.run(worker, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the training failed: {done.stderr[-2000:].strip()}")
    return json.loads(folder.results_file.read_text(encoding="utf-8"))["test"]["accuracy"]


def by_fit(experiment: Experiment, data: Arrays) -> float:
    """Test accuracy after `fit`'s last epoch."""
    import keras

    keras.utils.set_random_seed(experiment.training.seed)
    history = fit(model(experiment), data, experiment.training.batch_size, experiment.training.epochs, [])
    return float(history.history["val_accuracy"][-1])


def table(records: list[dict[str, Any]]) -> str:
    """A line for each network and number of epochs: means, mean difference, its 95 % interval by Student's t."""
    from scipy import stats

    lines = [
        "| network | epochs | seeds | engine, mean | fit, mean | difference, points | 95 % interval | zero in it |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, epochs in dict.fromkeys((each["row"], each["epochs"]) for each in records):
        chosen = [each for each in records if (each["row"], each["epochs"]) == (name, epochs)]
        engine, keras_fit = ([each[key] for each in chosen] for key in ("engine", "fit"))
        differences = [100 * (one - other) for one, other in zip(engine, keras_fit, strict=True)]
        mean, interval, zero = statistics.mean(differences), "–", "–"
        if len(differences) > 1:
            error = statistics.stdev(differences) / len(differences) ** 0.5
            reach = float(stats.t.ppf(0.975, len(differences) - 1)) * error
            interval, zero = f"{mean - reach:+.3f} to {mean + reach:+.3f}", "yes" if abs(mean) <= reach else "no"
        means = f"{statistics.mean(engine):.4%} | {statistics.mean(keras_fit):.4%}"
        lines.append(f"| {name} | {epochs} | {len(chosen)} | {means} | {mean:+.3f} | {interval} | {zero} |")
    return "\n".join(lines)


def records_of(file: Path) -> list[dict[str, Any]]:
    """What was done before; a torn last line is not counted."""
    if not file.exists():
        return []
    whole = file.read_text(encoding="utf-8").rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines()]


def append(file: Path, record: dict[str, Any]) -> None:
    torn = file.exists() and not file.read_bytes().endswith(b"\n") and file.stat().st_size
    if torn:
        file.write_text("".join(json.dumps(each) + "\n" for each in records_of(file)), encoding="utf-8")
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(record) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.seeds", description=__doc__)
    parser.add_argument("--rows", default=",".join(EPOCHS), help="some of %(default)s")
    parser.add_argument("--seeds", type=int, default=10, help="seeds 0 to N-1 (default %(default)s)")
    parser.add_argument("--epochs", type=int, help="instead of each network's own (10; fashion 50)")
    parser.add_argument("--keep", type=Path, help="file of what is done (default: a new one, named at the start)")
    parser.add_argument("--device", choices=["auto", "cpu", "gpu"], default="auto")
    asked = parser.parse_args()
    names = asked.rows.split(",")
    if unknown := set(names) - set(EPOCHS):
        parser.error(f"there is no network {', '.join(sorted(unknown))}; {', '.join(EPOCHS)} are known")
    keep = asked.keep or Path(tempfile.mkdtemp(prefix="seeds-")) / "seeds.jsonl"
    print(f"kept in {keep}", flush=True)
    with tempfile.TemporaryDirectory() as place:
        for name in names:
            _compare(name, asked, keep, Path(place))
    records = records_of(keep)
    text = table(records)
    titles = ", ".join(dict.fromkeys(each["data"] for each in records))
    print(text)
    results.write("Seeds", f"{text}\n\nTest accuracy on {titles}; differences are the engine's less `fit`'s.")


def _compare(name: str, asked: argparse.Namespace, keep: Path, place: Path) -> None:
    """All seeds of a network that are not yet done."""
    epochs = asked.epochs or EPOCHS[name]
    done = {each["seed"] for each in records_of(keep) if (each["row"], each["epochs"]) == (name, epochs)}
    left = [seed for seed in range(asked.seeds) if seed not in done]
    if not left:
        return
    experiment, title = with_data(find_preset(name).experiment, place)
    data = arrays(experiment)
    for seed in left:
        training = experiment.training.model_copy(update={"epochs": epochs, "seed": seed})
        seeded = experiment.model_copy(update={"training": training})
        accuracies = {"engine": by_engine(seeded, place, asked.device), "fit": by_fit(seeded, data)}
        append(keep, {"row": name, "epochs": epochs, "seed": seed, **accuracies, "data": title})
        print(f"{name}, seed {seed}: engine {accuracies['engine']:.4f}, fit {accuracies['fit']:.4f}", flush=True)
        _forget()


def _forget() -> None:
    import keras

    keras.backend.clear_session()
    gc.collect()


if __name__ == "__main__":
    main()
