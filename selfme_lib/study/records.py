"""The record of a run, `metrics.json`: what was run, on what, by which code, and what came of it.

    schema_version  of this layout; raised when a field changes its meaning
    profile         all settings, as plain values
    dataset         {"name", "fingerprint"}
    seed            of the experiment
    git             {"commit", "dirty"}; null outside a git working tree
    environment     {"python", "platform", "cpu_count", "packages": {name: version}}
    torch, device   version, and "cpu" or the name of the GPU
    rows            one per method and seed: see `loso_row`
    times           {"wall_seconds", "rows": [seconds by fold, in the order of rows]}

Everything that a clock says is under `times`; without it, two runs of the same code with the same settings are equal.
Nothing says where on a machine a run was made, or on whose.
"""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from selfme_lib.evaluation.intervals import draws_of_folds, percentile_interval
from selfme_lib.evaluation.metrics import CLASSES, accuracy, fold_confusions, score, uar, uf1

SCHEMA_VERSION = 1
PACKAGES = (
    *("torch", "torchvision", "timm", "kornia", "captum"),
    *("numpy", "scipy", "scikit-learn", "pandas", "opencv-contrib-python-headless"),
)


def loso_row(
    name: str,
    predictions: pd.DataFrame,
    *,
    seed: int,
    settings: dict[str, Any],
    classes: int = CLASSES,
    bootstrap: int = 2000,
) -> dict[str, Any]:
    """One row of a results table with everything to check it.

    Args:
        name: of the method.
        predictions: what `run_loso` returned.
        seed: with which the classifier was trained.
        settings: what tells this row from the others (method of motion, B-spline, γ, ω, …), as plain values.
        classes: number of classes.
        bootstrap: draws of subjects for the 95 % intervals, always the same ones.

    Returns:
        name, seed, settings, all of `metrics.score`, `intervals` {"uf1": [low, high], "uar": [low, high]}, `folds`
        (each with subject, n_clips, uf1, uar, accuracy, confusion) and `predictions` (each with subject, clip, label,
        prediction, probabilities).
    """
    columns = [column for column in predictions.columns if column.removeprefix("p").isdigit()]
    folds = fold_confusions(predictions, classes=classes)
    stacked = np.stack(list(folds.values()))
    clips = predictions[["subject", "clip", "label", "prediction"]].to_dict("records")
    return {
        "name": name,
        "seed": seed,
        "settings": settings,
        **score(predictions, classes=classes),
        "intervals": {
            metric.__name__: list(percentile_interval(draws_of_folds(stacked, metric, n=bootstrap)))
            for metric in (uf1, uar)
        },
        "folds": [
            {
                "subject": subject,
                "n_clips": int(confusion.sum()),
                "uf1": float(uf1(confusion)),
                "uar": float(uar(confusion)),
                "accuracy": float(accuracy(confusion)),
                "confusion": confusion.tolist(),
            }
            for subject, confusion in folds.items()
        ],
        "predictions": [
            {**clip, "probabilities": probabilities}
            for clip, probabilities in zip(clips, predictions[columns].to_numpy().tolist())
        ],
    }


def run_record(
    *,
    profile: dict[str, Any],
    dataset: str,
    fingerprint: str,
    seed: int,
    rows: Sequence[dict[str, Any]],
    fold_seconds: Sequence[dict[str, float]],
    wall_seconds: float,
    device: str = "cpu",
) -> dict[str, Any]:
    """What `metrics.json` holds, to be written by `files.write_json`.

    Args:
        profile: all settings, as plain values.
        dataset, fingerprint: name and content hash of the clips.
        seed: of the experiment.
        rows: from `loso_row`.
        fold_seconds: of each row, seconds by subject (`run_loso` leaves them in `.attrs["seconds"]`).
        wall_seconds: of the whole run.
        device: on which the classifier was trained.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "profile": profile,
        "dataset": {"name": dataset, "fingerprint": fingerprint},
        "seed": seed,
        "git": git_state(),
        "environment": environment(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else "cpu",
        "rows": list(rows),
        "times": {"wall_seconds": wall_seconds, "rows": list(fold_seconds)},
    }


def environment() -> dict[str, Any]:
    """Machine and versions that the results may depend on."""
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cpu_count": os.cpu_count(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def processor(described: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's own name, where the system tells; rounding, and so every training, depends on it."""
    if described.exists():
        for line in described.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor()


def git_state(folder: Path = Path(__file__).parent) -> dict[str, Any] | None:
    """Commit of the code in `folder`, and whether the working tree differs from it; None if git does not track it."""
    tracked = _git(folder, "ls-files")
    commit = _git(folder, "rev-parse", "HEAD")
    if not tracked or commit is None:
        return None
    return {"commit": commit, "dirty": _git(folder, "status", "--porcelain") != ""}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        result = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:  # no git on this machine
        return None
    return result.stdout.strip() if result.returncode == 0 else None
