"""Kill a leave-one-subject-out run at random moments, let it finish, and compare the result with an uninterrupted run.

    python tools/kill_and_resume.py --kills 20 --workers 2

Exit code 0 and one line if the resumed result equals the uninterrupted one bit for bit and no finished fold was computed
twice; an AssertionError otherwise. It uses the tests' toy problem: what is tested is the run, not the learning.
"""

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import timm.models.vision_transformer  # noqa: F401  (each child would import it anew, and be killed meanwhile)
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from selfme_lib.classifier.training import fit_predict
from selfme_lib.evaluation.loso import Experiment, run_experiments
from selfme_lib.runtime.processes import worker_pool
from toy_motion import TINY, moving_blobs

SUBJECTS = 5


def evaluate(store: Path, workers: int, rows: int) -> list[pd.DataFrame]:
    """Rows of a table: the same clips, different weights of the contrastive loss."""
    motion, labels, subjects, clips = moving_blobs(SUBJECTS, 6)
    configs = [replace(TINY, omega=0.1 * row, epochs=3) for row in range(rows)]
    trials = [Experiment(config, motion, labels.tolist(), subjects, clips, 0, fit_predict) for config in configs]
    with worker_pool(workers) as pool:
        return run_experiments(trials, store=store, executor=pool)


def finished(store: Path) -> dict[str, int]:
    """Every fold in the store and when it was written."""
    return {path.name: path.stat().st_mtime_ns for path in store.glob("fold-*.json")}


def kill_and_resume(folder: Path, *, kills: int, workers: int, seed: int) -> str:
    """Run, kill -9, resume, kill … `kills` times, then let it finish. Returns a sentence about what happened."""
    processes = multiprocessing.get_context("spawn" if workers > 1 else "fork")
    rows = -(-2 * kills // SUBJECTS)  # twice as many folds as kills, so that most are left at the last kill
    alone, killed = folder / "alone", folder / "killed"

    begin = time.perf_counter()
    left_alone = processes.Process(target=evaluate, args=(alone, workers, rows))
    left_alone.start()
    while left_alone.is_alive() and not finished(alone):
        left_alone.join(0.02)
    first = time.perf_counter() - begin  # until the first fold exists
    left_alone.join()
    each = (time.perf_counter() - begin - first) / (rows * SUBJECTS - 1)

    chance, written, midway = random.Random(seed), {}, 0
    for number in range(kills):
        child = processes.Process(target=evaluate, args=(killed, workers, rows))
        child.start()
        if number % 2:  # half of the kills while folds are being written, the others at any time before
            while child.is_alive() and finished(killed) == written:
                child.join(0.005)
            child.join(chance.uniform(0, 2 * each))
        else:
            child.join(chance.uniform(0, first))
        midway += child.is_alive()
        if child.is_alive():
            os.kill(child.pid, signal.SIGKILL)
        child.join()
        now = finished(killed)
        assert written.items() <= now.items(), "a finished fold was lost or rewritten"
        written = now
    resumed = evaluate(killed, workers, rows)
    now = finished(killed)
    assert written.items() <= now.items(), "a finished fold was computed again"
    assert len(now) == SUBJECTS * rows
    for expected, found in zip(evaluate(alone, 1, rows), resumed):
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
    return (
        f"killed {midway} times in {kills} tries; {len(written)} of {len(now)} folds came from killed runs; "
        "the result equals the uninterrupted run, and no finished fold was computed again"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument(
        "--workers", type=int, default=1, help="processes that train folds; 1: in the killed process itself"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the kill times")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        print(kill_and_resume(Path(name), kills=options.kills, workers=options.workers, seed=options.seed))
