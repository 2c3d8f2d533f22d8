"""A plain `pip install selfme` brings the method: what only notebooks, web pages, clusters or tests bring is hidden here."""

import json
import re
import shutil
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import cv2
import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from selfme_lib.app.extras import extra as brought_by
from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.paths import PACKAGE, PROJECT

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

NOT_THE_METHOD = ("widgets", "app")  # rooms; of the latter the command line is imported all the same
HIDE = """
import json, sys
from importlib.machinery import PathFinder

class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in hidden else super().find_spec(name, path, target)

hidden = set(json.loads(sys.argv[1]))
sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
"""
IMPORT = """
import importlib
for name in sys.argv[2:]:
    importlib.import_module(name)
"""
CALL = """
from selfme_lib.app.cli import run
for line in sys.argv[2:]:
    print(run(json.loads(line)), flush=True)
"""
PROJECT_TABLE = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def closure(requirements: list[str]) -> set[str]:
    """Names of the installed distributions that requirements bring, directly or not."""
    found: set[tuple[str, str]] = set()  # (distribution, extra)
    waiting = [Requirement(line) for line in requirements]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for extra in {"", *wanted.extras}:
            if (name, extra) in found:
                continue
            found.add((name, extra))
            if name == PROJECT_TABLE["name"]:  # what is installed may be older than this file
                waiting += map(Requirement, PROJECT_TABLE["optional-dependencies"].get(extra, []))
                continue
            try:
                lines = requires(name) or []
            except PackageNotFoundError:  # for another platform or Python
                continue
            needed = map(Requirement, lines)
            waiting += [one for one in needed if one.marker is None or one.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}


@cache
def hidden() -> list[str]:
    """Modules that the extras bring and the method alone does not."""
    extras = PROJECT_TABLE["optional-dependencies"]
    extra = closure([line for lines in extras.values() for line in lines]) - closure(PROJECT_TABLE["dependencies"])
    return sorted(
        module
        for module, distributions in packages_distributions().items()
        if {canonicalize_name(name) for name in distributions} <= extra - {"selfme"}
    )


def python(code: str, *arguments: str, folder: Path = PROJECT) -> subprocess.CompletedProcess:
    """Run code in `folder`, from which the package is imported."""
    command = [sys.executable, "-c", HIDE + code, json.dumps(hidden()), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


def selfme(*commands: list, folder: Path = PROJECT) -> tuple[list[int], str]:
    """Exit codes of `selfme` commands, one after the other in one process, and what they wrote to standard error."""
    done = python(CALL, *(json.dumps([str(word) for word in words]) for words in commands), folder=folder)
    assert done.returncode == 0, done.stderr
    return [int(line) for line in re.findall(r"(?m)^\d+$", done.stdout)], done.stderr


def test_what_is_hidden():
    assert {
        "jupyterlab",
        "papermill",
        "nbformat",
        "voila",
        "anywidget",
        "ipywidgets",
        "IPython",
        "sphinx",
        "distributed",
    } <= {*hidden()}
    assert not {"torch", "numpy", "cv2", "matplotlib", "typer", "yaml", "selfme_lib"} & {*hidden()}


def test_every_room_of_the_method_can_be_imported():
    paths = [path.relative_to(PACKAGE.parent).with_suffix("") for path in sorted(PACKAGE.rglob("*.py"))]
    rooms = [".".join(path.parts).removesuffix(".__init__") for path in paths if path.parts[1] not in NOT_THE_METHOD]
    commands = [".".join(path.parts) for path in paths if path.parts[1:3] == ("app", "commands")]
    assert len(rooms) > 50 and len(commands) > 5
    done = python(IMPORT, *rooms, "selfme_lib.app.cli", *commands)
    assert done.returncode == 0, done.stderr


def test_commands_of_the_method_work_without_the_rest_of_the_project(tmp_path):
    installed = tmp_path / "site-packages"
    shutil.copytree(PACKAGE, installed / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    face = (np.random.default_rng(0).random((64, 64, 3)) * 255).astype(np.uint8)
    for name, picture in (("onset", face), ("apex", np.roll(face, 1, axis=1))):
        cv2.imwrite(str(tmp_path / f"{name}.png"), cv2.GaussianBlur(picture, (0, 0), 3))
    (tmp_path / "predictions.csv").write_text("subject,clip,label,prediction\na,1,0,0\na,2,1,1\nb,1,2,0\nb,2,0,0\n")
    flow, data = tmp_path / "flow.npy", tmp_path / "data"
    codes, said = selfme(
        ["--help"],
        ["motion", tmp_path / "onset.png", tmp_path / "apex.png", "--out", flow, "--png", tmp_path / "flow.png"],
        ["synth", data, "--subjects", 1, "--clips", 1, "--size", 32],
        ["score", tmp_path / "predictions.csv"],
        folder=installed,
    )
    assert codes == [0, 0, 0, 0], said
    assert np.load(flow, allow_pickle=False).shape == (2, 64, 64)
    assert (tmp_path / "flow.png").exists() and any(data.iterdir())


def test_what_needs_an_extra_says_so_in_one_line(tmp_path):
    codes, said = selfme(
        ["reproduce", "--profile", "smoke", "--out", tmp_path],
        ["sweep", "notebooks/05_loso_evaluation.ipynb", "notebooks/grids/table_1.yaml", "--out", tmp_path],
        ["synth", tmp_path / "faces", "--codec", "h264"],
        ["explore", "--no-browser"],
        ["student", "notebooks/02_motion_learning.ipynb", tmp_path],
        ["site", tmp_path],
    )
    assert codes == [2] * 6
    lines = said.splitlines()
    extras = [re.fullmatch(r'selfme: .*pip install "selfme\[(\w+)\]".*', line)[1] for line in lines]
    assert extras == ["notebooks", "notebooks", "video", "notebooks", "notebooks", "docs"]
    assert list(tmp_path.iterdir()) == []


def test_a_cluster_without_dask_names_its_extra():
    done = python("""
from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.processes import worker_pool
try:
    with worker_pool(1, cluster="local"):
        pass
except UsageError as error:
    print(error)
""")
    assert 'pip install "selfme[cluster]"' in done.stdout, done.stderr


def test_a_module_of_our_own_that_is_missing_is_not_blamed_on_an_extra():
    with pytest.raises(ModuleNotFoundError), brought_by("docs"):
        import selfme_lib.gone  # noqa: F401
    with pytest.raises(UsageError, match=r'not_a_package .*"selfme\[docs\]"'), brought_by("docs"):
        import not_a_package  # noqa: F401
