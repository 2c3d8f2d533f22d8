import ast
import asyncio
import concurrent.futures
import contextlib
import copy
import http.client
import os
import re
import shutil
import stat
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import dask
import pandas as pd
import psutil
import pytest
import torch

from selfme_lib.classifier.training import fit_predict
from selfme_lib.data import Clip
from selfme_lib.evaluation.loso import Experiment, run_experiments, run_fold
from selfme_lib.runtime import processes
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import read_json
from selfme_lib.runtime.paths import PROJECT
from selfme_lib.runtime.processes import local_device, worker_pool
from selfme_lib.study.rows import Row
from selfme_lib.study.study import Study
from toy_motion import TINY, moving_blobs

distributed = pytest.importorskip("distributed", reason="no Dask: pip install -e .[cluster]")
QUIET = {"threads_per_worker": 1, "dashboard_address": None}
MOTION, LABELS, SUBJECTS, CLIPS = moving_blobs(3, 4)
ROWS = [
    Experiment(
        replace(TINY, epochs=2, omega=omega), MOTION, LABELS.tolist(), SUBJECTS, CLIPS, seed, fit_predict=fit_predict
    )
    for omega, seed in ((0.0, 0), (0.1, 0), (0.1, 1))
]


def run(store, *where):
    with worker_pool(*where) as pool:
        return run_experiments(ROWS, store=store, executor=pool)


def test_a_dask_cluster_of_processes_gives_the_same_bits(tmp_path):
    """As a pool of processes does: see `test_loso`."""
    pytest.importorskip("distributed")
    here = run(tmp_path / "here", 1)
    assert not here[0].equals(here[1]) and not here[1].equals(here[2])
    for expected, found in zip(here, run(tmp_path / "dask", 2, "local")):
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


def refused(address, security=None):
    """Whether a scheduler or worker sends someone away who talks as a client does."""
    given = security.get_connection_args("client") if security else {}

    async def call():
        comm = await distributed.comm.connect(address, timeout=5, **given)
        comm.abort()

    try:
        asyncio.run(call())
    except (OSError, TypeError, RuntimeError):
        return True
    return False


def listening(process):
    return [one.laddr for one in process.net_connections() if one.status == psutil.CONN_LISTEN]


def test_a_cluster_of_our_own_serves_nobody_else():
    """Whoever could talk to it could run code as its user."""
    with worker_pool(1, "local") as pool:
        address = pool._client.scheduler.address
        assert address.startswith("tls://127.0.0.1:") and pool.submit(pow, 2, 5).result() == 32
        workers = list(pool._client.scheduler_info()["workers"])
        places = [address, *workers]
        assert workers and all(place.startswith("tls://127.0.0.1:") for place in places)
        for place in places:
            assert refused(place.replace("tls://", "tcp://")) and refused(place)
            assert refused(place, security=distributed.Security.temporary()), (
                "a certificate of one's own is none of ours"
            )
        here = psutil.Process()
        asked = [port for one in (here, *here.children(recursive=True)) for ip, port in listening(one)]
        assert asked and not any(page_of(port) for port in asked)


def page_of(port):
    """Whether anybody may read the pages of a scheduler or worker, which tell names and logs."""
    for page in ("info/main/workers.html", "json/identity.json", "metrics", "health"):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=5).close()
            return True
        except (OSError, http.client.HTTPException):
            pass
    return False


@pytest.mark.skipif(not (shutil.which("openssl") and shutil.which("bash")), reason="no openssl")
def test_the_certificate_of_the_guide_lets_its_owner_in_and_nobody_else(tmp_path):
    guide = (PROJECT / "docs" / "cluster.md").read_text(encoding="utf-8")
    (recipe,) = (block for block in re.findall(r"```bash\n(.*?)```", guide, re.DOTALL) if "openssl" in block)
    subprocess.run(["bash", "-ec", recipe], env={**os.environ, "HOME": str(tmp_path)}, check=True, capture_output=True)
    folder = tmp_path / ".config" / "dask"
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    bare = copy.deepcopy(dask.config.config)
    settings = dask.config.merge(bare, dask.config.collect(paths=[str(folder)], env={}))
    with dask.config.set(settings), distributed.LocalCluster(1, processes=False, protocol="tls://", **QUIET) as cluster:
        with worker_pool(1, cluster.scheduler_address) as pool:
            assert pool.submit(pow, 2, 5).result() == 32
        with dask.config.set(bare):
            assert refused(cluster.scheduler_address.replace("tls://", "tcp://"))
            with (
                pytest.raises(UsageError, match="no Dask scheduler answers there"),
                worker_pool(1, cluster.scheduler_address),
            ):
                pass


def test_processes_share_one_file_of_motions(tmp_path):
    class Watching(concurrent.futures.ThreadPoolExecutor):
        def submit(self, function, *arguments, **options):
            submitted.append(arguments)
            return super().submit(function, *arguments, **options)

    submitted = []
    with Watching(1) as pool:
        run_experiments(ROWS, store=tmp_path, executor=pool)
    assert len(submitted) == 9
    assert {arguments[2] for arguments in submitted} == {next(tmp_path.glob("motion-*.npy"))}
    with pytest.raises(DataError, match=r"not visible to the worker .*; choose a run folder that all workers share"):
        run_fold(*submitted[0][:2], tmp_path / "elsewhere.npy", *submitted[0][3:])


def test_the_same_fold_of_two_rows_is_computed_once(tmp_path):
    twice = run_experiments([ROWS[1], ROWS[0], ROWS[1]], store=tmp_path)
    assert len(list(tmp_path.glob("fold-*.json"))) == 6
    pd.testing.assert_frame_equal(twice[0], twice[2], check_exact=True)


def test_the_bar_counts_the_folds_of_all_rows(tmp_path, monkeypatch):
    bars = []

    class Bar:
        def __init__(self, **options):
            self.options, self.updates = options, 0
            bars.append(self)

        def update(self):
            self.updates += 1

        __enter__ = lambda self: self  # noqa: E731
        __exit__ = lambda *_: None  # noqa: E731

    monkeypatch.setattr("selfme_lib.evaluation.loso.tqdm", Bar)
    run_experiments(ROWS[:1], store=tmp_path)
    run_experiments(ROWS, store=tmp_path)
    assert [(bar.options["total"], bar.options["initial"], bar.updates) for bar in bars] == [(3, 0, 3), (9, 3, 6)]


def seen_gpus(folder: Path, everybody: int) -> str:
    """The GPUs that this process, and a notebook that it starts, may use; waits until all workers have come to say so."""
    (folder / str(os.getpid())).touch()
    patience = time.monotonic() + 60
    while len(list(folder.iterdir())) < everybody and time.monotonic() < patience:
        time.sleep(0.01)
    show = [sys.executable, "-c", "import os; print(os.environ['CUDA_VISIBLE_DEVICES'], end='')"]
    return subprocess.run(show, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("visible", "expected"), [("", {"0", "1"}), ("GPU-4e,GPU-7a", {"GPU-4e", "GPU-7a"})])
def test_every_worker_and_what_it_starts_has_a_gpu_of_its_own(tmp_path, monkeypatch, visible, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with processes.process_pool(2, gpus=2) as pool:
        assert set(pool.map(seen_gpus, [tmp_path] * 2, [2] * 2)) == expected


def test_a_point_of_a_sweep_starts_no_pool_of_its_own_on_several_gpus(monkeypatch):
    """Its folds run one after the other (`workers: 1`), on the GPU of the process that runs the point."""
    monkeypatch.setattr(processes.torch.cuda, "device_count", lambda: 3)
    with worker_pool(1) as alone, worker_pool(2) as pool:
        assert alone is None and pool._max_workers == 3


WORKER = """
import selfme_lib.study.study
from selfme_lib.runtime.processes import get_ready, process_pool

get_ready(2)
threads = "(__import__('scipy.linalg'), __import__('torch').get_num_threads(), __import__('cv2').getNumThreads(), "
threads += "*(one['num_threads'] for one in __import__('threadpoolctl').threadpool_info()))[1:]"
imported = "'selfme_lib.study.study' in __import__('sys').modules"
with process_pool(1) as pool:
    print([pool.submit(eval, text).result() for text in (imported, threads)])
"""


def test_a_worker_computes_in_one_thread_and_starts_with_what_is_imported():
    """Workers beside each other, of several threads each, would spin while they wait for one another."""
    environment = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "2")}
    done = subprocess.run([sys.executable, "-c", WORKER], env=environment, capture_output=True, text=True, check=True)
    imported, threads = ast.literal_eval(done.stdout)
    assert imported == (sys.platform == "linux" and processes.DEVICE == "cpu")
    assert len(threads) >= 4 and set(threads) == {1}


class Cluster(concurrent.futures.ThreadPoolExecutor):
    """Workers that are not on this machine, for all that `ask` knows."""

    def __init__(self, device):
        super().__init__(1)
        self.device = device

    def submit(self, function, *arguments):
        return super().submit(lambda: self.device if function is local_device else function(*arguments))


def test_the_workers_decide_on_which_device_folds_run(tmp_path, monkeypatch):
    """A login node without a GPU must not keep a cluster's GPUs idle, nor write down that it computed the folds."""
    asked, used = [], []

    def resolve(config, device="cpu"):
        asked.append(device)
        return config

    def fit_predict(config, motion, labels, test_motion, *, classes, seed, device, curve):
        used.append(device)
        return torch.full((len(test_motion), classes), 1 / classes)

    monkeypatch.setattr("selfme_lib.study.protocols.resolve_for_device", resolve)
    monkeypatch.setattr("selfme_lib.study.protocols.fit_predict", fit_predict)
    monkeypatch.setattr("selfme_lib.study.study.worker_pool", lambda *_: contextlib.nullcontext(Cluster("meta")))
    monkeypatch.setattr("selfme_lib.evaluation.loso.device_name", "the GPU of {}".format)
    monkeypatch.setattr(Study, "inputs", lambda *_: MOTION)
    study = Study.open("smoke", tmp_path)
    moments = {"frames": (), "frame_numbers": (), "onset": 1, "apex": 2, "offset": 3, "fps": 200.0}
    words = {"dataset": "synthme", "emotion": "", "action_units": ""}
    study.__dict__["clips_key"] = "toy"
    study.__dict__["clips"] = [
        Clip(subject=who, name=name, label=label, **moments, **words)
        for who, name, label in zip(SUBJECTS, CLIPS, LABELS.tolist())
    ]
    (result,) = study.evaluate([Row("toy")])
    assert asked == ["meta"] and used == ["meta"] * 3
    assert result.records[0]["used"]["devices"] == ["the GPU of meta"]
    assert read_json(study.record([result]))["device"] == "the GPU of meta"


def test_a_scheduler_that_is_not_there_is_named():
    pytest.importorskip("distributed")
    with (
        pytest.raises(UsageError, match=r"--cluster carrier-pigeon://x: no Dask scheduler answers there"),
        worker_pool(1, "carrier-pigeon://x"),
    ):
        pass


def test_killed_at_random_instants_a_run_ends_as_if_nothing_had_happened():
    tool = Path(__file__).parents[2] / "tools" / "kill_and_resume.py"
    done = subprocess.run([sys.executable, str(tool), "--kills", "5"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "killed 0 times" not in done.stdout
