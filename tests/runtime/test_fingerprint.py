import code
import functools
import importlib
import linecache
import types
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from selfme_lib.classifier import symmetry
from selfme_lib.classifier.training import fit_predict, fit_predict_every_epoch
from selfme_lib.runtime import fingerprint as module
from selfme_lib.runtime.fingerprint import code_hash, fingerprint


@dataclass(frozen=True)
class Settings:
    steps: int = 3


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of three modules, one of which nobody imports."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "top.py").write_text(
        '"""Top."""\nfrom .below import double\n\ndef quadruple(x):\n    return double(double(x))\n'
    )
    (folder / "below.py").write_text("import numpy\n\nFACTOR = 2\n\ndef double(x):\n    return FACTOR * x\n")
    (folder / "beside.py").write_text("A = 1\n")
    monkeypatch.setattr(module, "PACKAGE", folder)
    return folder


def edit(path, old, new):
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_what_a_module_builds_on_counts_and_nothing_else_does(package):
    before = code_hash("package.top")
    edit(package / "beside.py", "1", "2")
    edit(package / "top.py", "Top.", "Another docstring.")
    edit(package / "below.py", "FACTOR = 2", "FACTOR = 2  # a comment")
    assert code_hash("package.top") == before
    edit(package / "below.py", "FACTOR = 2", "FACTOR = 3")
    assert code_hash("package.top") != before


def test_the_version_of_a_package_beneath_counts(package, monkeypatch):
    before = code_hash("package.top")
    monkeypatch.setattr(module, "_version", lambda name: f"another {name}")
    assert code_hash("package.top") != before


def test_two_functions_of_one_module_name_different_results():
    assert fingerprint(code=fit_predict) == fingerprint(code=[fit_predict])
    assert fingerprint(code=fit_predict) != fingerprint(code=fit_predict_every_epoch)
    assert fingerprint(code=symmetry) == fingerprint(code="selfme_lib.classifier.symmetry")


def test_every_part_of_the_cause_counts(tmp_path):
    file, copy = tmp_path / "a.txt", tmp_path / "b.txt"
    file.write_text("1")
    copy.write_text("1")
    cause = {"settings": Settings(), "motion": np.zeros(3), "names": ["a", None, True, 0.5], "file": file}

    def name(**changes):
        return fingerprint(code=symmetry, **(cause | changes))

    assert name() == name(settings={"steps": 3}) == name(motion=torch.zeros(3, dtype=torch.float64)) == name(file=copy)
    copy.write_text("2")
    others = [
        name(settings=Settings(4)),
        name(motion=np.zeros(3, np.float32)),
        name(motion=np.zeros((1, 3))),
        name(names=["a", None, True, 0.6]),
        name(file=copy),
        name(more=None),
    ]
    assert len({name(), *others}) == 7


@pytest.mark.parametrize("thing", [object(), {"inside": {1, 2}}])
def test_a_cause_that_cannot_be_compared_is_refused(thing):
    with pytest.raises(TypeError, match="expected settings, arrays or files"):
        fingerprint(code=symmetry, thing=thing)


def test_a_function_outside_the_package_counts_with_its_file_and_what_it_uses_of_the_package(
    package, tmp_path, monkeypatch
):
    path = tmp_path / "below.py"  # the name of a module of the package, too
    path.write_text(
        "from package.top import quadruple\n\nSHIFT = 1\n\ndef method(x):\n    return quadruple(x) + SHIFT\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    method = importlib.import_module("below").method
    before = fingerprint(code=method)
    edit(path, "SHIFT = 1", "SHIFT = 1  # px")
    assert fingerprint(code=method) == before
    edit(path, "SHIFT = 1", "SHIFT = 2")
    changed = fingerprint(code=method)
    edit(package / "below.py", "FACTOR = 2", "FACTOR = 3")
    assert len({before, changed, fingerprint(code=method)}) == 3


def in_a_notebook(source, **names):
    """A function whose source is in no file, as in a cell of a notebook."""
    linecache.cache["<cell>"] = (len(source), None, source.splitlines(keepends=True), "<cell>")
    namespace = {"__name__": "no_such_module", **names}
    assert not code.InteractiveInterpreter(namespace).runsource(source, "<cell>", "exec")
    return namespace["method"]


def test_a_function_of_a_notebook_counts_with_its_source_and_what_it_uses_of_the_package(package):
    top = types.ModuleType("package.top")
    one, two = (
        fingerprint(code=in_a_notebook(f"def method(x):\n    return top.quadruple(x) + {shift}\n", top=top))
        for shift in (1, 2)
    )
    edit(package / "below.py", "FACTOR = 2", "FACTOR = 3")
    three = fingerprint(code=in_a_notebook("def method(x):\n    return top.quadruple(x) + 2\n", top=top))
    assert len({one, two, three}) == 3


def test_code_that_cannot_be_read_is_refused():
    method = in_a_notebook("def method(): ...\n")
    linecache.cache.pop("<cell>")
    with pytest.raises(TypeError, match="source of method cannot be read"):
        fingerprint(code=method)
    with pytest.raises(TypeError, match="expected functions, classes or modules as code, got partial"):
        fingerprint(code=functools.partial(fit_predict, seed=1))
