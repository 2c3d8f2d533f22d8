"""What came of a row, and the record of a run: `metrics.json`, the numbers for machines.

    schema_version  of this layout; raised when a field changes its meaning
    profile         all settings, as plain values
    dataset         {"name", "fingerprint"}
    seed            of the experiment
    git             {"commit", "dirty"}; null outside a git working tree
    environment     {"python", "platform", "processor", "processor_kind", "cpu_count", "packages": {name: version}}
    torch, device   version, and what the folds ran on: "cpu" or the name of the GPU
    rows            one per method and seed: see `loso_record`
    times           {"wall_seconds", "rows": [seconds by fold, in the order of rows]}

Everything that depends on a clock is under `times`; without it, two runs of the same code with the same settings are equal.
Nothing reveals where on a machine a run was made, or on whose.
"""

import hashlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int

from selfme_lib.data import THREE_CLASSES, Clip
from selfme_lib.evaluation.intervals import interval, resample_folds
from selfme_lib.evaluation.metrics import accuracy, fold_confusions, score, uar, uf1
from selfme_lib.runtime.fingerprint import DISTRIBUTIONS
from selfme_lib.runtime.paths import PACKAGE

from .profiles import Profile, to_dict
from .rows import Row

SCHEMA_VERSION = 1
Protocol = Literal["loso", "fresh", "lodo"]
METRICS = {"uf1": uf1, "uar": uar}
PACKAGES = ("torch", "torchvision", "timm", "kornia", "captum", "numpy", "scipy", "sklearn", "pandas", "cv2")


@dataclass(frozen=True)
class Result:
    """What came of a row.

    Attributes:
        records: of each seed, what `metrics.json` keeps (see `loso_record`).
        fold_seconds: of each seed, the time that each subject's fold took.
        bootstrap: draws of subjects for intervals.
        protocol: who was held out, see `Study.evaluate`.
        names: of the classes, in the order of the labels.
    """

    row: Row
    records: tuple[dict[str, Any], ...]
    fold_seconds: tuple[dict[str, float], ...]
    bootstrap: int = 2000
    protocol: Protocol = "loso"
    names: tuple[str, ...] = THREE_CLASSES

    @property
    def confusion(self) -> np.ndarray:
        """Rows truth, columns prediction; summed over the seeds."""
        return np.sum([record["confusion"] for record in self.records], axis=0)

    @property
    def predictions(self) -> pd.DataFrame:
        """subject, clip, label, prediction, probabilities and the seed of each."""
        frames = [pd.DataFrame(record["predictions"]).assign(seed=record["seed"]) for record in self.records]
        return pd.concat(frames, ignore_index=True)

    def clips(self, record: int = 0) -> pd.DataFrame:
        """Of one seed, what `evaluation` takes: subject, clip, label, prediction and probabilities p0, p1, … of each clip."""
        table = pd.DataFrame(self.records[record]["predictions"])
        probabilities = np.array(table.pop("probabilities").tolist())
        return table.assign(**{f"p{label}": column for label, column in enumerate(probabilities.T)})

    @property
    def curve(self) -> dict[str, Float[np.ndarray, "r e"]]:
        """The losses of each seed's training by epoch, means over its folds; empty if the folds kept none."""
        curves = [record.get("curve", {}) for record in self.records]
        names = [name for name in curves[0] if len({len(one.get(name, ())) for one in curves}) == 1]
        return {name: np.array([one[name] for one in curves]) for name in names}

    def of_seed(self, record: int) -> "Result":
        """The same row with only one of its seeds."""
        return replace(self, records=(self.records[record],), fold_seconds=(self.fold_seconds[record],))

    def folds(self, record: int) -> Int[np.ndarray, "s k k"]:
        """The confusion matrix of each subject, sorted by subject, of one seed."""
        return np.array([fold["confusion"] for fold in self.records[record]["folds"]])

    def resampled(self, metric: str) -> Float[np.ndarray, "m"]:
        """`uf1` or `uar`, its mean over the seeds, of resampled subjects (see `evaluation.intervals.resample_folds`)."""
        seeds = range(len(self.records))
        return np.mean([resample_folds(self.folds(i), METRICS[metric], n=self.bootstrap) for i in seeds], axis=0)

    def draws(self, metric: str) -> Float[np.ndarray, "n"]:
        """The same, of subjects drawn with replacement alone."""
        return self.resampled(metric)[-self.bootstrap :]

    def score(self, metric: str) -> tuple[float, float, float]:
        """`uf1` or `uar`, pooled over the folds, its mean over the seeds, and the 95 % interval of that over subjects."""
        value = np.mean([record["pooled"][metric] for record in self.records])
        return (float(value), *interval(self.resampled(metric), len(self.folds(0))))

    def deviation(self, metric: str) -> float:
        """Standard deviation of the score over the seeds; not a number with one seed."""
        values = [record["pooled"][metric] for record in self.records]
        return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def result_of(
    row: Row,
    predictions: Sequence[pd.DataFrame],
    *,
    seed: int,
    classes: int,
    bootstrap: int,
    leaks: Sequence[str] = (),
    protocol: Protocol = "loso",
) -> Result:
    """Scores of a row.

    Args:
        row: what was evaluated.
        predictions: of the seeds `seed`, `seed` + 1, …: tables from `evaluation.loso`.
        seed: the first one.
        classes: number of classes.
        bootstrap: draws of subjects for the 95 % intervals, always the same ones.
        leaks: habits of `evaluation.leaks` that the row has.
        protocol: who was held out.
    """
    settings = {key: value for key, value in asdict(row).items() if key != "name"}
    settings |= {"leaks": list(leaks), "protocol": protocol}
    common: dict[str, Any] = {"settings": settings, "classes": classes, "bootstrap": bootstrap}
    records = tuple(loso_record(row.name, table, seed=seed + i, **common) for i, table in enumerate(predictions))
    return Result(row, records, tuple(table.attrs.get("seconds", {}) for table in predictions), bootstrap, protocol)


def part_of(result: Result, people: Collection[str]) -> Result:
    """A row's scores on some of the people that it predicts."""
    records = []
    for number, record in enumerate(result.records):
        table = result.clips(number)
        table = table[table["subject"].isin(people)].reset_index(drop=True)
        table.attrs["used"] = record["used"]
        same = {"seed": record["seed"], "settings": record["settings"], "bootstrap": result.bootstrap}
        records.append(loso_record(record["name"], table, classes=len(record["confusion"]), **same))
    return replace(result, records=tuple(records))


def majority_predictions(clips: Sequence[Clip], *, classes: int) -> pd.DataFrame:
    """Of every clip, the class that is most frequent among the other subjects."""
    labels, subjects = np.array([clip.label for clip in clips]), np.array([clip.subject for clip in clips])
    counts = {name: np.bincount(labels[subjects != name], minlength=classes) for name in set(subjects.tolist())}
    guesses = [int(counts[name].argmax()) for name in subjects.tolist()]
    names = [clip.name for clip in clips]
    return pd.DataFrame({"subject": subjects, "clip": names, "label": labels, "prediction": guesses})


def loso_record(
    name: str, predictions: pd.DataFrame, *, seed: int, settings: dict[str, Any], classes: int, bootstrap: int = 2000
) -> dict[str, Any]:
    """One row of a results table with everything to check it.

    Args:
        name: of the method.
        predictions: from `evaluation.loso`.
        seed: with which the classifier was trained.
        settings: what distinguishes this row from the others (method of motion, B-spline, γ, ω, …), as plain values.
        classes, bootstrap: as in `result_of`.

    Returns:
        name, seed, settings, all of `metrics.score`, `intervals` {"uf1": [low, high], "uar": [low, high]}, `folds`
        (each with subject, n_clips, uf1, uar, accuracy, confusion) and `predictions` (each with subject, clip, label,
        prediction, probabilities), and `used` and `curve`: the settings and devices of the folds and the losses of their
        trainings, as `evaluation.loso` found them.
    """
    columns = [column for column in predictions.columns if column.removeprefix("p").isdigit()]
    folds = fold_confusions(predictions, classes=classes)
    stacked = np.stack(list(folds.values()))
    found = {name: resample_folds(stacked, metric, n=bootstrap) for name, metric in METRICS.items()}
    clips = predictions[["subject", "clip", "label", "prediction"]]
    clips = clips.assign(probabilities=predictions[columns].to_numpy().tolist())
    return {
        "name": name,
        "seed": seed,
        "settings": settings,
        **score(predictions, classes=classes),
        "intervals": {name: list(interval(values, len(stacked))) for name, values in found.items()},
        "folds": [
            {
                "subject": subject,
                "n_clips": int(confusion.sum()),
                **{metric.__name__: float(metric(confusion)) for metric in (uf1, uar, accuracy)},
                "confusion": confusion.tolist(),
            }
            for subject, confusion in folds.items()
        ],
        "predictions": clips.to_dict("records"),
        "used": predictions.attrs.get("used", {}),
        "curve": predictions.attrs.get("curve", {}),
    }


def metrics_record(
    settings: Profile,
    dataset: dict[str, str],
    results: Sequence[Result],
    *,
    earlier: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What `metrics.json` holds, as the docstring of this module lists it.

    Args:
        settings: of the study.
        dataset: name and fingerprint of the clips.
        results: a row with the same name, seed and protocol replaces the one in `earlier`.
        earlier: the record so far.
    """
    old = zip(earlier["rows"], earlier["times"]["rows"]) if earlier else ()
    new = (pair for result in results for pair in zip(result.records, result.fold_seconds))
    latest = {_key(row): (row, seconds) for row, seconds in (*old, *new)}
    seconds = [folds for _, folds in latest.values()]
    devices = {device for row, _ in latest.values() for device in row.get("used", {}).get("devices", ())}
    return {
        "schema_version": SCHEMA_VERSION,
        "profile": to_dict(settings),
        "dataset": dataset,
        "seed": settings.seed,
        "git": git_state(),
        "environment": environment(),
        "torch": torch.__version__,
        "device": ", ".join(sorted(devices)) or "cpu",
        "rows": [row for row, _ in latest.values()],
        "times": {"wall_seconds": sum(sum(folds.values()) for folds in seconds), "rows": seconds},
    }


def read_results(metrics: dict[str, Any], *, bootstrap: int = 2000) -> list[Result]:
    """What `metrics_record` holds: a result for each name and protocol. Of its row, the name alone is known.

    Args:
        metrics: as `RunFolder.read_metrics` has checked it.
        bootstrap: draws of subjects.
    """
    found: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for row in metrics["rows"]:  # seeds left by a run of fewer people are no seeds of the same row
        key = row["name"], row["settings"].get("protocol", "loso"), len(row["folds"])
        found.setdefault(key, []).append(row)
    return [
        Result(Row(name), tuple(records), ({},) * len(records), bootstrap, cast(Protocol, protocol))
        for (name, protocol, _), records in found.items()
    ]


def _key(row: dict[str, Any]) -> tuple[str, int, str]:
    return row["name"], row["seed"], row["settings"].get("protocol", "loso")


def environment() -> dict[str, Any]:
    """Machine and versions that the results may depend on."""
    names = (DISTRIBUTIONS.get(name, name) for name in PACKAGES)
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "processor_kind": processor_kind(),
        "cpu_count": os.cpu_count(),
        "packages": {name: importlib.metadata.version(name) for name in names},
    }


def processor(described: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's own name, where the system knows it."""
    if described.exists():
        for line in described.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def processor_kind(described: Path = Path("/proc/cpuinfo")) -> str:
    """What rounding, and so every training, depends on: family, model, stepping, instructions, and which of them PyTorch uses.

    The processor's name is not enough: "AMD EPYC" and "Intel Xeon Processor" are all that virtual machines say of many kinds.
    """
    if described.exists():  # Linux: of x86 and of Arm
        lines = described.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0].splitlines()
        found = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        wanted = ["vendor_id", "cpu family", "model", "stepping"]
        wanted += ["CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision"]
        flags = " ".join(sorted((found.get("flags") or found.get("Features") or "").split()))
        kind = [*(found[name] for name in wanted if name in found), hashlib.sha256(flags.encode()).hexdigest()[:12]]
    elif sys.platform == "darwin":
        names = ("brand_string", "family", "model", "stepping", "features", "leaf7_features")
        asked = [
            "/usr/sbin/sysctl",
            "-n",
            *(f"machdep.cpu.{name}" for name in names),
            "hw.cpufamily",
            "hw.cpusubfamily",
        ]
        kind = subprocess.run(asked, capture_output=True, text=True).stdout.split("\n")  # less what this kind lacks
    else:
        kind = [platform.processor()]  # on Windows: "Intel64 Family 6 Model 167 Stepping 1, GenuineIntel"
    return " ".join([*filter(None, kind), torch.backends.cpu.get_cpu_capability()])


def git_state(folder: Path = PACKAGE) -> dict[str, Any] | None:
    """Commit of the code in `folder`, and whether the working tree differs from it; None if git does not track it."""
    git = partial(subprocess.check_output, cwd=folder, encoding="utf-8", errors="replace", stderr=subprocess.DEVNULL)
    try:
        tracked, commit = git(["git", "ls-files"]), git(["git", "rev-parse", "HEAD"]).strip()
        changes = git(["git", "status", "--porcelain"])
    except (OSError, subprocess.CalledProcessError):  # no git on this machine, no repository, no commit
        return None
    return {"commit": commit, "dirty": changes != ""} if tracked else None
