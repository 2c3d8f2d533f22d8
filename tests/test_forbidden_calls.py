"""Nothing here runs code that a file or a name brings along: every module, test, tool and notebook is searched for what would."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfme_lib.runtime.paths import PROJECT

MODULES = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}
HARMLESS = {"pickle.UnpicklingError"}  # an exception
NAMES = {"eval", "exec"}
ATTRIBUTES = {"hub.load", "os.popen", "os.system", "pd.read_pickle", "yaml.load", "yaml.unsafe_load", "tempfile.mktemp"}
NEEDED = {
    "np.load": ("allow_pickle", False),
    "torch.load": ("weights_only", True),
    "fabric.load": ("weights_only", True),
}
ALLOWED = {
    "tests/test_devices.py": "exec",
    "tests/app/test_api.py": "exec",
    "selfme_lib/app/self_check.py": "exec",
    "tests/app/test_student.py": "exec",
}  # the project's own notebooks and front page; in a student's copy the solution that stands in its own cell
FOLDERS = ("selfme_lib", "tests", "tools")


def sources() -> Iterator[tuple[str, str]]:
    for path in (path for folder in FOLDERS for path in sorted((PROJECT / folder).rglob("*.py"))):
        yield path.relative_to(PROJECT).as_posix(), path.read_text(encoding="utf-8")
    for path in sorted((PROJECT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        yield path.name, "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def forbidden(source: str) -> list[str]:
    """Whatever a piece of code does that it must not, as `line: what`. A notebook's magics are no Python and no exception."""
    return [f"{node.lineno}: {fault}" for node in ast.walk(ast.parse(source)) for fault in _faults(node)]


def _faults(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (f"import {alias.name}" for alias in node.names if alias.name.partition(".")[0] in MODULES)
    if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
        names = {f"{node.module}.{alias.name}" for alias in node.names}
        yield from sorted(names - HARMLESS)
    if not isinstance(node, ast.Call):
        return
    called = ".".join(ast.unparse(node.func).split(".")[-2:])
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    if called in NAMES | ATTRIBUTES or called.removeprefix("builtins.") in NAMES:
        yield called
    name, value = NEEDED.get(called.replace("numpy.", "np."), ("", None))
    if name and not (isinstance(given.get(name), ast.Constant) and given[name].value is value):
        yield f"{called} without {name}={value}"
    if "shell" in given and not (isinstance(given["shell"], ast.Constant) and given["shell"].value is False):
        yield "shell"


def test_no_file_can_make_the_project_run_code():
    searched = dict(sources())
    assert len(searched) > 250 and {"05_loso_evaluation.ipynb", "selfme_lib/motion/training.py"} <= set(searched)
    found = {(name, fault) for name, source in searched.items() for fault in forbidden(source)}
    assert {(name, fault) for name, fault in found if fault.partition(": ")[2] != ALLOWED.get(name)} == set()


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import joblib.memory",
        "from pickle import UnpicklingError, loads",
        "eval('1')",
        "builtins.exec('1')",
        "import os\nos.system('ls')",
        "yaml.load(text, yaml.SafeLoader)",
        "np.load(path)",
        "numpy.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=trusted)",
        "torch.load(path)",
        "self.fabric.load(path, weights_only=False)",
        "torch.hub.load('owner/name')",
        "subprocess.run('ls', shell=True)",
    ],
)
def test_what_is_searched_for_is_found(source):
    assert len(forbidden(f"import os\n\n{source}\n")) == 1


@pytest.mark.parametrize(
    "source",
    [
        "network.eval()",
        "from pickle import UnpicklingError",
        "np.load(path, allow_pickle=False)",
        "run(['ls'], shell=False)",
    ],
)
def test_what_is_harmless_is_not_found(source):
    assert forbidden(source) == []


def test_a_scan_reads_whole_files():
    assert Path(__file__).name in {Path(name).name for name, _ in sources()}
