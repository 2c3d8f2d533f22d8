"""Whatever is killed at whatever instant goes on when the same command is given again, and ends with the same files."""

import itertools
import json
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path

import psutil
import pytest
from test_runner import PARAMETERS, write_notebook

from selfme_lib.app import runner
from selfme_lib.app.chapters import find_notebooks
from selfme_lib.app.execution import Outcome
from selfme_lib.app.sweep import sweep
from selfme_lib.runtime.files import write_json
from selfme_lib.study.run_folder import RunFolder
from selfme_lib.synthme import SynthConfig, write_dataset

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def _no_power_cuts(monkeypatch):
    """Waiting for the disk is most of what many small files cost."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def killed_at_every_seam(work):
    """Do some work in processes of which the nth is killed right after its nth renaming, until one comes to its end."""
    for seam in itertools.count(1):
        child = os.fork()
        if child == 0:
            _work_until(seam, work)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0, "the work failed; its traceback is on standard error"
            return seam - 1
    return None


def _work_until(seam, work):
    replace, count = os.replace, itertools.count(1)

    def die_behind(*paths):
        replace(*paths)
        if next(count) == seam:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = die_behind
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but locks; without times, and keys, which name the folder."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".lock"
    }
    for name in found:
        if name.endswith("timings.json"):
            notebooks = json.loads(found[name])["notebooks"]
            found[name] = json.dumps(
                [{**item, "seconds": 0, "key": "", "afresh": True} for item in notebooks.values()]
            ).encode()
    return found


@pytest.fixture
def notebooks(tmp_path, monkeypatch):
    """Two notebooks that nobody executes; both save results, the second one scores, too."""
    (tmp_path / "notebooks").mkdir()
    declared = (
        *("profile: str = ''", "run_dir: str = ''", "seed: int = 0"),
        "data: dict = {}",
        "evaluation: dict = {}",
    )
    for name in ("00_first", "05_second"):
        write_notebook(tmp_path / f"notebooks/{name}.ipynb", declared=declared)

    def execute(notebook, parameters, run):
        run.save_values(f"{notebook.stem[:2]}_value", {"seed": parameters["seed"]}, title="x")
        if notebook.stem == "05_second":
            folds = [{"confusion": [[1, 0], [0, 1]]}, {"confusion": [[1, 0], [1, 0]]}]
            row = {
                "name": "x",
                "seed": parameters["seed"],
                "pooled": {"uf1": 0.5, "uar": 0.5, "accuracy": 0.5},
                "folds": folds,
            }
            write_json(run.metrics, {"rows": [row], "times": {}})
        run.notebooks.mkdir(exist_ok=True)
        (run.notebooks / notebook.name).write_bytes(notebook.read_bytes())
        return Outcome(notebook.stem, "done", 1.0, 1)

    monkeypatch.setattr(runner, "execute", execute)
    return find_notebooks(tmp_path / "notebooks")


def test_a_killed_reproduction_ends_with_the_same_files(notebooks, tmp_path):
    def reproduce(place):
        runner.reproduce(PARAMETERS, RunFolder(tmp_path / place), notebooks=notebooks, say=len)

    reproduce("whole/run")
    assert killed_at_every_seam(lambda: reproduce("killed/run")) >= 5
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_a_killed_sweep_ends_with_the_same_files(notebooks, tmp_path):
    points = [{"profile": "smoke", "seed": seed} for seed in (0, 1)]
    sweep(notebooks[1], points, tmp_path / "whole")
    assert killed_at_every_seam(lambda: sweep(notebooks[1], points, tmp_path / "killed")) >= 5
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_a_killed_synth_ends_with_the_same_files(tmp_path):
    config = SynthConfig(subjects=1, clips=2, size=32)
    write_dataset(tmp_path / "whole/set", config, workers=1)
    assert killed_at_every_seam(lambda: write_dataset(tmp_path / "killed/set", config, workers=1)) >= 3
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


ORPHANS = """
import os, signal, sys
import psutil
from selfme_lib.synthme import SynthConfig, studio, write_dataset
class Bar(studio.tqdm):
    def update(self, n=1):
        print(*(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
studio.tqdm = Bar
if __name__ == "__main__":
    write_dataset(sys.argv[1], SynthConfig(subjects=3, clips=1, size=32), workers=2)
"""


def test_workers_end_when_their_parent_is_killed(tmp_path):
    (tmp_path / "render.py").write_text(ORPHANS)
    command = [sys.executable, str(tmp_path / "render.py"), str(tmp_path / "set")]
    killed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL
    numbers = [int(number) for number in killed.stdout.split()]
    assert len(numbers) >= 2
    workers = [psutil.Process(number) for number in numbers if psutil.pid_exists(number)]
    assert not psutil.wait_procs(workers, timeout=30)[1], "nobody is left behind"
