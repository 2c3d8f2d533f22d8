import concurrent.futures
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import torch

from selfme_lib.classifier.training import fit_predict
from selfme_lib.evaluation.loso import Experiment, fold_seed, run_experiments, run_fold
from selfme_lib.evaluation.metrics import score
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.kept import read_record, write_record
from selfme_lib.runtime.processes import worker_pool
from toy_motion import TINY, moving_blobs, run_loso

SHORT = replace(TINY, epochs=3)
MOTION, LABELS, SUBJECTS, CLIPS = moving_blobs(4, 6)
DATA = (MOTION, LABELS.tolist(), SUBJECTS, CLIPS)
seen = []  # what `spy` was given


def spy(config, motion, labels, test_motion, *, classes, seed, device):
    """A classifier that trains in no time and tells what it was shown: the nearest training sample."""
    seen.append((motion, labels, test_motion, seed))
    distance = torch.cdist(test_motion.flatten(1), motion.flatten(1))
    return torch.eye(3)[labels[distance.argmin(1)]]


def nearest(config, motion, labels, test_motion, **_):
    return torch.eye(3)[labels[torch.cdist(test_motion.flatten(1), motion.flatten(1)).argmin(1)]]


@pytest.fixture(autouse=True)
def _nothing_seen():
    seen.clear()


def test_learns_the_toy_problem(tmp_path):
    motion, labels, subjects, clips = moving_blobs(4, 12)
    table = run_loso(TINY, motion, labels.tolist(), subjects, clips, seed=0, store=tmp_path, fit_predict=fit_predict)
    assert score(table)["pooled"]["uf1"] > 0.9
    assert list(table.columns) == ["subject", "clip", "label", "prediction", "p0", "p1", "p2"]
    assert (table["subject"].tolist(), table["clip"].tolist()) == (subjects, clips)
    assert table["label"].tolist() == labels.tolist()
    np.testing.assert_allclose(table[["p0", "p1", "p2"]].sum(axis=1), 1, atol=1e-5)
    assert sorted(table.attrs["seconds"]) == ["01", "02", "03", "04"]


def test_training_never_sees_the_held_out_subject(tmp_path):
    motion, labels, subjects, clips = DATA
    marked = motion + 100 * torch.tensor([float(subject) for subject in subjects])[:, None, None, None]
    run_loso(SHORT, marked, labels, subjects, clips, seed=0, store=tmp_path, fit_predict=spy)
    for held_out, (train, train_labels, test, _) in zip((1, 2, 3, 4), seen):
        assert {round(float(sample.mean() / 100)) for sample in train} == {1, 2, 3, 4} - {held_out}
        assert {round(float(sample.mean() / 100)) for sample in test} == {held_out}
        assert len(train) == len(train_labels) == 18


def test_broken_clips_of_the_held_out_subject_do_not_reach_the_training():
    people = np.asarray(SUBJECTS)
    motion = MOTION.clone()
    motion[people == "02"] = torch.nan

    def train_then_look_at_something_else(config, train, train_labels, _test, **options):
        from selfme_lib.classifier.training import fit_predict

        return fit_predict(config, train, train_labels, train, **options)  # finite only if the weights are

    arguments = (SHORT, motion.numpy(), LABELS.numpy(), people)
    result = run_fold(train_then_look_at_something_else, *arguments, "02", 3, 0, "cpu")
    assert np.isfinite(result["probabilities"]).all()
    with pytest.raises(DataError, match="without subject 01 diverged"):
        run_fold(train_then_look_at_something_else, *arguments, "01", 3, 0, "cpu")


def test_labels_of_the_held_out_subject_do_not_matter(tmp_path):
    motion, labels, subjects, clips = DATA
    held_out = np.asarray(subjects) == "03"
    other = [(label + 1) % 3 if out else label for label, out in zip(labels, held_out)]
    tables = [
        run_loso(SHORT, motion, y, subjects, clips, seed=0, store=tmp_path, fit_predict=fit_predict)
        for y in (labels, other)
    ]
    columns = ["prediction", "p0", "p1", "p2"]
    pd.testing.assert_frame_equal(tables[0][held_out][columns], tables[1][held_out][columns], check_exact=True)
    assert not tables[0][~held_out][columns].equals(tables[1][~held_out][columns])


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    return run_loso(SHORT, *DATA, seed=7, store=tmp_path_factory.mktemp("serial"), fit_predict=fit_predict)


def test_process_pool_gives_the_same_bits(serial, tmp_path):
    with worker_pool(2) as pool:
        pooled = run_loso(SHORT, *DATA, seed=7, store=tmp_path, executor=pool, fit_predict=fit_predict)
    pd.testing.assert_frame_equal(serial, pooled, check_exact=True)


def test_a_thread_gives_the_same_bits(serial, tmp_path):
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        again = run_loso(SHORT, *DATA, seed=7, store=tmp_path, executor=executor, fit_predict=fit_predict)
    pd.testing.assert_frame_equal(serial, again, check_exact=True)


KILLED_RUN = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from dataclasses import replace
from toy_motion import TINY, moving_blobs, run_loso
from selfme_lib.classifier.training import fit_predict
from selfme_lib.evaluation import loso
from selfme_lib.runtime.processes import process_pool

def write_json_and_die(path, value):
    write_json(path, value)
    print(*executor._processes, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

write_json, loso.write_json = loso.write_json, write_json_and_die
motion, labels, *names = moving_blobs(4, 6)
executor = process_pool(2)
arguments = {"seed": 7, "store": Path(sys.argv[2]), "executor": executor, "fit_predict": fit_predict}
run_loso(replace(TINY, epochs=3), motion, labels.tolist(), *names, **arguments)
"""


def test_a_killed_run_goes_on_and_ends_the_same(serial, tmp_path):
    arguments = [sys.executable, "-c", KILLED_RUN, str(Path(__file__).parents[1]), str(tmp_path)]
    killed = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    (finished,) = tmp_path.glob("fold-*.json")
    written = finished.stat().st_mtime_ns
    resumed = run_loso(SHORT, *DATA, seed=7, store=tmp_path, fit_predict=fit_predict)
    pd.testing.assert_frame_equal(serial, resumed, check_exact=True)
    assert finished.stat().st_mtime_ns == written  # not computed again
    assert len(list(tmp_path.glob("fold-*.json"))) == 4
    workers = [psutil.Process(int(pid)) for pid in killed.stdout.split() if psutil.pid_exists(int(pid))]
    assert not psutil.wait_procs(workers, timeout=30)[1]  # nobody is left behind


def test_an_interrupted_run_computes_missing_folds_only(tmp_path, monkeypatch):
    motion, labels, subjects, clips = DATA
    arguments = (SHORT, motion, labels, subjects, clips)
    complete = run_loso(*arguments, seed=0, store=tmp_path / "a", fit_predict=spy)
    assert len(seen) == 4
    run_loso(*arguments, seed=0, store=tmp_path / "a", fit_predict=spy)
    assert len(seen) == 4  # all from the store
    sorted((tmp_path / "a").iterdir())[2].unlink()
    again = run_loso(*arguments, seed=0, store=tmp_path / "a", fit_predict=spy)
    assert len(seen) == 5
    pd.testing.assert_frame_equal(complete, again, check_exact=True)


@pytest.mark.parametrize("change", ["config", "seed", "motion", "labels", "clips", "method"])
def test_a_fold_in_the_store_counts_only_for_what_made_it(tmp_path, change):
    motion, labels, subjects, clips = DATA
    run_loso(SHORT, motion, labels, subjects, clips, seed=0, store=tmp_path, fit_predict=spy)
    run_loso(
        replace(SHORT, omega=0.2) if change == "config" else SHORT,
        motion + 1 if change == "motion" else motion,
        labels[::-1] if change == "labels" else labels,
        subjects,
        clips[::-1] if change == "clips" else clips,
        seed=1 if change == "seed" else 0,
        store=tmp_path,
        fit_predict=(lambda *args, **kwargs: spy(*args, **kwargs)) if change == "method" else spy,
    )
    assert len(seen) == 8


def test_every_fold_has_a_seed_of_its_own_that_does_not_depend_on_the_other_folds(tmp_path):
    motion, labels, subjects, clips = DATA
    run_loso(SHORT, motion, labels, subjects, clips, seed=0, store=tmp_path, fit_predict=spy)
    seeds = [entry[3] for entry in seen]
    assert len(set(seeds)) == 4
    run_loso(SHORT, motion[:12], labels[:12], subjects[:12], clips[:12], seed=0, store=tmp_path, fit_predict=spy)
    assert [entry[3] for entry in seen[4:]] == seeds[:2]


def with_curve(config, motion, labels, test_motion, *, classes, seed, device, curve):
    """Its losses tell the number of clips that it was trained on, and the place of its seed."""
    seen.append(seed)
    every = seed if isinstance(seed, list) else [seed]
    losses = torch.tensor([[float(len(motion)), float(place), 0.5] for place in range(len(every))])
    curve["loss"] = losses if isinstance(seed, list) else losses[0]
    return torch.full((*([len(every)] if isinstance(seed, list) else []), len(test_motion), classes), 1 / classes)


def test_losses_are_kept_with_each_fold_and_averaged_over_them(tmp_path):
    subjects = ["01"] * 3 + ["02"] * 9 + ["03"] * 12  # trained on 21, 15 and 12 clips
    clips = [str(number) for number in range(24)]
    one = Experiment(SHORT, MOTION, LABELS.tolist(), subjects, clips, 0, with_curve, curves=True)
    (table,) = run_experiments([one], store=tmp_path)
    assert table.attrs["curve"] == {"loss": [16.0, 0.0, 0.5]}
    tables = run_experiments([replace(one, at_once=2)], store=tmp_path)
    assert [table.attrs["curve"]["loss"] for table in tables] == [[16.0, 0.0, 0.5], [16.0, 1.0, 0.5]]
    assert len(seen) == 6
    (again,) = run_experiments([one], store=tmp_path)
    assert again.attrs["curve"] == table.attrs["curve"] and len(seen) == 6, "kept like the predictions"


def test_folds_that_keep_no_losses_have_no_curve(tmp_path):
    (table,) = run_experiments([Experiment(SHORT, *DATA, 0, spy)], store=tmp_path)
    assert table.attrs["curve"] == {}
    (table,) = run_experiments([Experiment(SHORT, *DATA, 0, with_curve, curves=True)], store=tmp_path)
    assert table.attrs["curve"]
    for path in tmp_path.glob("fold-01-*.json"):
        write_record(path, {name: value for name, value in read_record(path).items() if name != "curve"})
    for experiment in (Experiment(SHORT, *DATA, 0, spy), Experiment(SHORT, *DATA, 0, with_curve, curves=True)):
        (table,) = run_experiments([experiment], store=tmp_path)
        assert table.attrs["curve"] == {} and len(table) == len(CLIPS)
    assert len(seen) == 8, "nothing is computed again for want of a curve"


def failing(config, motion, labels, test_motion, *, classes, seed, device):
    raise DataError("no")


def test_errors_of_a_fold_come_out(tmp_path):
    with pytest.raises(DataError, match="no"), concurrent.futures.ThreadPoolExecutor(1) as executor:
        run_loso(SHORT, *DATA, seed=0, store=tmp_path, executor=executor, fit_predict=failing)
    assert not list(tmp_path.glob("fold-*"))


def test_what_cannot_be_evaluated_is_refused(tmp_path):
    motion, labels, subjects, clips = DATA
    with pytest.raises(DataError, match="at least two subjects, got 1"):
        run_loso(
            SHORT, motion[:6], labels[:6], subjects[:6], clips[:6], seed=0, store=tmp_path, fit_predict=fit_predict
        )
    broken = motion.clone()
    broken[7, 0, 3, 3] = torch.nan
    with pytest.raises(DataError, match="subject 02 clip EP02 is not finite"):
        run_loso(SHORT, broken, labels, subjects, clips, seed=0, store=tmp_path, fit_predict=fit_predict)


def test_a_damaged_fold_in_the_store_is_made_anew(tmp_path, caplog):
    whole = run_loso(SHORT, *DATA, seed=0, store=tmp_path, fit_predict=spy)
    damaged, other = sorted(tmp_path.glob("fold-*.json"))[:2]
    sound = read_record(damaged)["probabilities"]
    for content in (b"{", b"\xff", b"[]", b"[" * 100_000, b"", damaged.read_bytes()[:-9], other.read_bytes()):
        damaged.write_bytes(content)
        pd.testing.assert_frame_equal(run_loso(SHORT, *DATA, seed=0, store=tmp_path, fit_predict=spy), whole)
        assert f"{damaged.name}: damaged" in caplog.text and read_record(damaged)["probabilities"] == sound


def test_a_subject_that_names_a_path_stays_in_the_run_folder(tmp_path):
    motion, labels, subjects, clips = DATA
    renamed = [{"01": "../../../../x", "02": "CON"}.get(subject, subject) for subject in subjects]
    store = tmp_path / "a/b/c/run"
    table = run_loso(SHORT, motion, labels, renamed, clips, seed=0, store=store, fit_predict=spy)
    assert table["subject"].tolist() == renamed and sorted(table.attrs["seconds"]) == sorted(set(renamed))
    written = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert len(list(store.glob("fold-*.json"))) == 4 and all(path.parent == store for path in written)
    assert len(list(store.glob("fold-03-*.json"))) == 1  # a plain name stays as it is
    run_loso(SHORT, motion, labels, renamed, clips, seed=0, store=store, fit_predict=spy)
    assert len(seen) == 4  # what is kept under such a name is found again


def test_a_fold_can_hold_out_several_people_and_the_rest_is_only_trained_on(tmp_path):
    experiment = Experiment(SHORT, *DATA[:1], *DATA[1:], 0, spy, held_out={"new": ["04", "03"]})
    (table,) = run_experiments([experiment], store=tmp_path)
    ((train, _, test, _),) = seen
    people = np.asarray(SUBJECTS)
    torch.testing.assert_close(train, MOTION[np.isin(people, ["01", "02"])])
    torch.testing.assert_close(test, MOTION[np.isin(people, ["03", "04"])])
    assert table["subject"].tolist() == [name for name in SUBJECTS if name in ("03", "04")]
    assert len(table) == len(test) and list(table.attrs["seconds"]) == ["new"]
    everybody = replace(experiment, held_out={"all": SUBJECTS})
    with pytest.raises(DataError, match="fold all holds out everybody"):
        run_experiments([everybody], store=tmp_path)


@pytest.mark.parametrize("through_files", [False, True])
def test_a_clip_may_look_otherwise_when_it_is_tested(tmp_path, through_files):
    experiment = Experiment(SHORT, *DATA, 0, nearest, tested=MOTION.flip(0))
    trials = [experiment, replace(experiment, tested=MOTION), replace(experiment, tested=None)]
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        where = executor if through_files else None
        table, same, plain = run_experiments(trials, store=tmp_path, executor=where)
    people = np.asarray(SUBJECTS)
    for name in sorted(set(SUBJECTS)):
        held_out = people == name
        expected = nearest(None, MOTION[~held_out], LABELS[~held_out], MOTION.flip(0)[held_out])
        assert table["prediction"][held_out].tolist() == expected.argmax(1).tolist()
    pd.testing.assert_frame_equal(same, plain)
    assert not table.equals(plain)


def several(config, motion, labels, test_motion, *, classes, seed, device):
    """A training for each seed, which says what its seed is."""
    return torch.stack([torch.full((len(test_motion), classes), float(one % 97)) for one in seed])


def test_trainings_at_once_are_told_apart_and_have_the_seeds_of_trainings_of_their_own(tmp_path):
    (*tables,) = run_experiments([Experiment(SHORT, *DATA, 5, several, at_once=3)], store=tmp_path)
    for number, table in enumerate(tables):
        for subject in set(SUBJECTS):
            expected = fold_seed(5 + number, subject) % 97
            assert (table[table["subject"] == subject][["p0", "p1", "p2"]] == expected).all(axis=None)
    (alone,) = run_experiments([Experiment(SHORT, *DATA, 5, several, at_once=1)], store=tmp_path)
    pd.testing.assert_frame_equal(alone, tables[0])
    assert len(tables) == 3 and not tables[0].equals(tables[1])
