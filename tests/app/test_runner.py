import json
import sys

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpec
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from selfme_lib.app.chapters import find_appendices, find_notebooks, machine_paths, notebook_fingerprint
from selfme_lib.app.execution import Outcome
from selfme_lib.app.kernels import OwnKernel
from selfme_lib.app.runner import _expected_seconds, _pace, _time_left, reproduce
from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.files import read_json, write_json
from selfme_lib.study.run_folder import RunFolder

PARAMETERS = {"profile": "tiny", "seed": 3, "data": {"size": 64}}
DECLARED = ('profile: str = "x"', 'run_dir: str = "."', "seed: int = 0", "data: dict = {}")


def write_notebook(path, *code, declared=DECLARED):
    cells = [
        new_markdown_cell(f"# {path.stem[:2]} · A title"),
        new_code_cell("\n".join(declared), metadata={"tags": ["parameters"]}),
        *map(new_code_cell, code),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=kernel), path)


@pytest.fixture
def project(tmp_path):
    """Two notebooks; the first counts its executions in `count.txt`, the second works with the parameters."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write_notebook(folder / "00_first.ipynb", "with open('../count.txt', 'a') as file:\n    _ = file.write('x')")
    write_notebook(
        folder / "01_second.ipynb",
        "from pathlib import Path\nPath(run_dir).mkdir(parents=True, exist_ok=True)\n"
        "_ = Path(run_dir, 'seen.txt').write_text(f'{seed} {data[\"size\"]} {profile}')",
    )
    return tmp_path


def run_all(project, parameters=PARAMETERS, only=None, run="quick"):
    said = []
    folder = RunFolder(project / "runs" / run)
    outcomes = reproduce(parameters, folder, notebooks=find_notebooks(project / "notebooks", only), say=said.append)
    return folder, outcomes, "".join(said)


@pytest.mark.notebooks
def test_a_run_executes_in_order_then_resumes_then_notices_changes(project):
    run, outcomes, said = run_all(project)
    assert [(outcome.name, outcome.status) for outcome in outcomes] == [("00_first", "done"), ("01_second", "done")]
    assert (run.path / "seen.txt").read_text() == "3 64 tiny"
    assert said.count("\n") == 2 and said.startswith("[1/2] 00_first")
    timings = read_json(run.timings)
    assert timings["notebooks"]["00_first"]["seconds"] > 0
    assert timings["notebooks"]["00_first"]["peak_memory_mb"] > 50  # a kernel is a Python process at least

    executed = nbformat.read(run.notebooks / "01_second.ipynb", as_version=4)
    assert executed.metadata.papermill.parameters["run_dir"] == "../runs/quick"
    assert machine_paths(executed) == []
    assert sorted(path.name for path in run.notebooks.iterdir()) == ["00_first.ipynb", "01_second.ipynb"]

    _, outcomes, _ = run_all(project)
    assert [outcome.status for outcome in outcomes] == ["kept", "kept"]
    assert (project / "count.txt").read_text() == "x"

    write_notebook(project / "notebooks" / "01_second.ipynb", "changed = True")
    _, outcomes, _ = run_all(project)
    assert [outcome.status for outcome in outcomes] == ["kept", "done"]

    with pytest.raises(UsageError, match="other settings"):
        run_all(project, {**PARAMETERS, "seed": 4}, only=["01"])
    _, outcomes, said = run_all(project, {**PARAMETERS, "seed": 4})
    assert [outcome.status for outcome in outcomes] == ["done", "done"]
    assert said.startswith("2 notebooks: about ") and "in all\n[1/2] 00_first" in said
    assert said.splitlines()[1].endswith(" left"), "how long the second takes is known from the run before"


def test_how_long_a_run_takes_is_foretold_from_what_others_took(project):
    """Runs that found motions and folds of their own tell nothing about one that begins with nothing."""
    notebooks = find_notebooks(project / "notebooks")
    published = nbformat.read(notebooks[1], as_version=4)
    published.metadata["selfme"] = {"profile": "tiny", "seconds": 50}
    nbformat.write(published, notebooks[1])

    def left(name, *, afresh, done=0):
        run = RunFolder(project / "runs" / name)
        expected = _expected_seconds("tiny", run, notebooks, afresh=afresh)
        pace = _pace(expected, [Outcome("00_first", "done", done, 0)] if done else [])
        return _time_left(expected, notebooks[bool(done) :], {path.stem: "new" for path in notebooks}, run, pace=pace)

    assert left("quick", afresh=True) == "", "of the first notebook nothing is known"
    one = {"status": "done", "seconds": 30, "peak_memory_mb": 1, "key": "old", "message": ""}
    write_json(project / "runs/first/timings.json", {"profile": "tiny", "notebooks": {"00_first": one}})
    assert left("quick", afresh=True) == "about 80 s" and left("quick", afresh=True, done=15) == "about 25 s"
    later = {"00_first": one | {"seconds": 4, "afresh": False}, "01_second": one | {"seconds": 2, "status": "failed"}}
    write_json(project / "runs/quick/timings.json", {"profile": "tiny", "notebooks": later})
    write_json(
        project / "runs/other/timings.json", {"profile": "paper", "notebooks": {"00_first": one | {"seconds": 9}}}
    )
    assert left("quick", afresh=True) == "about 80 s" and left("quick", afresh=False) == "about 54 s"


@pytest.mark.notebooks
def test_our_own_interpreter_runs_whatever_kernels_are_installed_and_braces_are_only_braces(tmp_path, monkeypatch):
    kernel = tmp_path / "jupyter/kernels/python3/kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text(json.dumps({"argv": ["/no/such/python", "-f", "{connection_file}"], "display_name": "Python 3"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    folder = tmp_path / "a {checkout}" / "notebooks"
    folder.mkdir(parents=True)
    write_notebook(folder / "00_first.ipynb", "import sys\nprint(sys.executable, run_dir)")
    run = RunFolder(tmp_path / "a {checkout}" / "{out} {}")
    (outcome,) = reproduce(PARAMETERS, run, notebooks=find_notebooks(folder), say=lambda _: None)
    assert outcome.status == "done", outcome.message
    (printed,) = nbformat.read(run.notebooks / "00_first.ipynb", as_version=4).cells[-1].outputs
    assert printed.text.split(" ", 1) == [sys.executable, "../{out} {}\n"]


def test_a_kernel_that_cannot_start_is_one_line(project, monkeypatch):
    broken = KernelSpec(argv=[sys.executable, "-c", "raise SystemExit(1)"], resource_dir="")
    monkeypatch.setattr(OwnKernel, "kernel_spec", broken)
    _, (outcome, _), said = run_all(project)
    assert outcome.status == "failed" and "no kernel starts (" in said
    assert "-m ipykernel --version` work?" in outcome.message and "\n" not in outcome.message


@pytest.mark.notebooks
def test_a_failing_notebook_is_explained_and_does_not_stop_the_others(project):
    write_notebook(project / "notebooks" / "00_first.ipynb", "1 / 0")
    run, outcomes, said = run_all(project)
    assert [outcome.status for outcome in outcomes] == ["failed", "done"]
    message = outcomes[0].message
    assert "\n" not in message
    for part in ("'1 / 0'", "ZeroDivisionError", "division by zero", "00_first.unfinished.ipynb"):
        assert part in message
    assert message in said
    assert (run.notebooks / "00_first.unfinished.ipynb").exists()
    assert not (run.notebooks / "00_first.ipynb").exists()

    write_notebook(project / "notebooks" / "00_first.ipynb", "1 / 1")
    run, outcomes, _ = run_all(project)
    assert [outcome.status for outcome in outcomes] == ["done", "kept"]
    assert not (run.notebooks / "00_first.unfinished.ipynb").exists()


def test_a_parameter_that_a_notebook_does_not_declare_is_an_error(project):
    with pytest.raises(UsageError, match=r"00_first.ipynb has no parameter gama; .*seed"):
        run_all(project, {**PARAMETERS, "gama": 2})
    assert not (project / "runs").exists()


def test_only_chooses_notebooks_by_number_or_name(project):
    folder = project / "notebooks"
    assert [path.stem for path in find_notebooks(folder, ["1"])] == ["01_second"]
    assert [path.stem for path in find_notebooks(folder, ["01_second", "00"])] == ["00_first", "01_second"]
    with pytest.raises(UsageError, match=r"--only 07: no such notebook; there are 00_first, 01_second"):
        find_notebooks(folder, ["07"])
    with pytest.raises(UsageError, match="no notebooks in"):
        find_notebooks(project)


def test_chapters_beyond_the_paper_and_appendices_have_to_be_asked_for(project):
    folder = project / "notebooks"
    for name in ("07_last", "08_more", "A1_appendix"):
        write_notebook(folder / f"{name}.ipynb")
    assert [path.stem for path in find_notebooks(folder)] == ["00_first", "01_second", "07_last"]
    assert [path.stem for path in find_notebooks(folder, ["8", "a1"])] == ["08_more", "A1_appendix"]
    assert [path.stem for path in find_appendices(folder)] == ["08_more", "A1_appendix"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two modules that a notebook imports, directly and through each other, and one that it does not."""
    folder = tmp_path / "selfme_lib"
    (folder / "motion").mkdir(parents=True)
    (folder / "motion" / "warp.py").write_text("from selfme_lib.grids import SIZE\n")
    (folder / "grids.py").write_text("SIZE = 1\n")
    (folder / "report.py").write_text("TITLE = 1\n")
    (folder / "motion" / "weights.safetensors").write_bytes(b"1")
    for module in ("app.chapters", "runtime.fingerprint"):
        monkeypatch.setattr(f"selfme_lib.{module}.PACKAGE", folder)
    return folder


def test_a_fingerprint_knows_what_can_change_a_result(package, tmp_path):
    path = tmp_path / "00_a.ipynb"
    write_notebook(path, "%matplotlib inline\nif True:\n    from selfme_lib.motion import warp")
    before = notebook_fingerprint(path, PARAMETERS)
    (package / "report.py").write_text("TITLE = 2\n")
    (package / "motion" / "README.md").write_text("a model card")
    (package / "grids.py").write_text('"""A docstring."""\n\nSIZE = 1  # a comment\n')
    assert notebook_fingerprint(path, PARAMETERS) == before
    assert notebook_fingerprint(path, {**PARAMETERS, "seed": 4}) != before
    for changed, content in (("grids.py", "SIZE = 2\n"), ("motion/weights.safetensors", "2")):
        (package / changed).write_text(content)
        after = notebook_fingerprint(path, PARAMETERS)
        assert after != before
        before = after


def test_outputs_do_not_change_a_notebooks_fingerprint_but_text_and_tags_do(project):
    path = project / "notebooks" / "00_first.ipynb"
    before = notebook_fingerprint(path, {})
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="hello")]
    notebook.cells[2].execution_count = 5
    nbformat.write(notebook, path)
    assert notebook_fingerprint(path, {}) == before
    notebook.cells[2].metadata["tags"] = ["raises-exception"]
    nbformat.write(notebook, path)
    tagged = notebook_fingerprint(path, {})
    assert tagged != before
    notebook.cells[0].source += "!"
    nbformat.write(notebook, path)
    assert notebook_fingerprint(path, {}) != tagged


def test_paths_of_this_machine_are_found(tmp_path):
    clean = new_notebook(cells=[new_code_cell("x", outputs=[nbformat.v4.new_output("stream", text="../runs/quick")])])
    assert machine_paths(clean) == []
    text = json.dumps(str(tmp_path / "a.py"))
    dirty = new_notebook(cells=[new_code_cell("x", outputs=[nbformat.v4.new_output("stream", text=text)])])
    assert machine_paths(dirty) == [str(tmp_path / "a.py")]
    picture = nbformat.v4.new_output(
        "display_data", {"image/png": "iVBOR" * 100 + "/tmp7CNYU3j" + "ASUVO" * 100 + "=="}
    )
    assert machine_paths(new_notebook(cells=[new_code_cell("x", outputs=[picture])])) == []
