import base64
import io
import shutil

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image
from test_runner import write_notebook

from selfme_lib.app import publish as publish_module
from selfme_lib.app.chapters import notebook_fingerprint
from selfme_lib.app.publish import publish
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import read_json, write_json
from selfme_lib.study.run_folder import RunFolder


@pytest.fixture
def project(tmp_path):
    """A project with one notebook, and a run in which papermill would have executed it."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "README.md").write_text("![a](figures/05_confusion.png) and again figures/05_confusion.png")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "results.md").write_text("# Results\n")
    source = tmp_path / "notebooks" / "05_scvit.ipynb"
    write_notebook(source, "1 + 1")
    run = RunFolder(tmp_path / "runs" / "quick")
    run.figures.mkdir(parents=True)
    draw(run.figures / "05_confusion.png")
    execute(source, run)
    timing = {"status": "done", "seconds": 12.5, "peak_memory_mb": 1, "key": "", "message": ""}
    write_json(run.timings, {"profile": "quick", "notebooks": {"05_scvit": timing}})
    return tmp_path


def draw(path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)).save(path)


def execute(source, run, text="2"):
    cells = nbformat.read(source, as_version=4).cells
    cells[-1].outputs = [new_output("execute_result", {"text/plain": text}, execution_count=3)]
    cells[-1].metadata["papermill"] = {"duration": 1.0}
    injected = new_code_cell("run_dir = '../runs/quick'", metadata={"tags": ["injected-parameters"]})
    cells = [*cells[:2], injected, *cells[2:]]
    run.notebooks.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells), run.notebooks / source.name)


def publish_project(project):
    return publish(RunFolder(project / "runs" / "quick"), notebooks=project / "notebooks", project=project)


def test_outputs_and_figures_come_into_the_project(project):
    source = project / "notebooks" / "05_scvit.ipynb"
    before = notebook_fingerprint(source, {})
    written = publish_project(project)
    assert [path.name for path in written] == ["results.md", "05_scvit.ipynb", "05_confusion.png"]
    with Image.open(project / "figures" / "05_confusion.png") as picture:
        assert (picture.size, picture.mode) == ((120, 90), "P"), "few colours"
    notebook = nbformat.read(source, as_version=4)
    nbformat.validate(notebook)
    assert notebook_fingerprint(source, {}) == before  # what was run is still what is there, so the run stays valid
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == [1, 2]
    assert notebook.cells[-1].outputs[0].data["text/plain"] == "2"
    assert notebook.cells[-1].outputs[0].execution_count == 2
    assert notebook.metadata["selfme"] == {"profile": "quick", "seconds": 12.5}
    assert "papermill" not in str(notebook)

    text = source.read_bytes()
    publish_project(project)
    assert source.read_bytes() == text


def test_nothing_is_published_when_anything_is_unfit(project):
    source = project / "notebooks" / "05_scvit.ipynb"
    run = RunFolder(project / "runs" / "quick")
    untouched = source.read_bytes()

    execute(source, run, text=f"see {project}/runs")
    with pytest.raises(DataError, match="shows a path of this machine"):
        publish_project(project)
    execute(source, run)

    for page in ("README.md", "docs/results.md"):
        before = (project / page).read_text()
        (project / page).write_text("figures/09_missing.png")
        with pytest.raises(DataError, match=r"shows figures/09_missing\.png"):
            publish_project(project)
        assert source.read_bytes() == untouched
        (project / page).write_text(before)

    write_notebook(source, "1 + 2")
    with pytest.raises(DataError, match="changed since the run"):
        publish_project(project)
    write_notebook(project / "notebooks" / "06_new.ipynb", "1")
    write_notebook(source, "1 + 1")
    with pytest.raises(DataError, match=r"06_new\.ipynb: not finished in this run"):
        publish_project(project)
    assert not (project / "figures").exists()


def test_a_markdown_change_counts_as_a_change(project):
    source = project / "notebooks" / "05_scvit.ipynb"
    notebook = nbformat.read(source, as_version=4)
    notebook.cells[0] = new_markdown_cell("# 05 · Another title")
    nbformat.write(notebook, source)
    with pytest.raises(DataError, match="changed since the run"):
        publish_project(project)


def test_a_notebooks_title_picture_is_published_too(project):
    source = project / "notebooks" / "05_scvit.ipynb"
    notebook = nbformat.read(source, as_version=4)
    notebook.cells[0].source += "\n![b](../figures/05_head.png)"
    nbformat.write(notebook, source)
    run = RunFolder(project / "runs" / "quick")
    execute(source, run)
    with pytest.raises(DataError, match="05_head"):
        publish_project(project)
    draw(run.figures / "05_head.png")
    publish_project(project)
    assert (project / "figures" / "05_head.png").is_file()


def test_of_a_widget_its_picture_is_published_and_no_state(project):
    source = project / "notebooks" / "05_scvit.ipynb"
    run = RunFolder(project / "runs" / "quick")
    execute(source, run)
    executed = nbformat.read(run.notebooks / source.name, as_version=4)
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    noise, file = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8), io.BytesIO()
    Image.fromarray(noise).save(file, format="jpeg", quality=95)
    still = base64.b64encode(file.getvalue()).decode()
    executed.cells[-1].outputs = [
        new_output("display_data", {**view, "image/jpeg": still}, metadata={"image/jpeg": {"alt": "a slider"}}),
        new_output("display_data", view),
    ]
    executed.metadata["widgets"] = {"state": {}}
    nbformat.write(executed, run.notebooks / source.name)
    publish_project(project)
    notebook = nbformat.read(source, as_version=4)
    picture, rest = notebook.cells[-1].outputs
    assert len(picture.data["image/jpeg"]) < 0.7 * len(still)
    assert set(picture.data) == {"image/jpeg", "text/plain"} and picture.metadata["image/jpeg"]["alt"] == "a slider"
    assert set(rest.data) == {"text/plain"} and "widgets" not in notebook.metadata


def test_tables_of_the_results_come_from_the_run(project):
    run, page = RunFolder(project / "runs" / "quick"), project / "docs" / "results.md"
    table = pd.DataFrame({"row": ["a|b", "c"], "UF1": [0.51234, float("nan")], "seeds": [1, 2]})
    run.save_table("05_scores", table, title="Scores", caption="On SynthME.")
    rivals = "<!-- table 08_scores -->\nof another run\n<!-- end -->"
    page.write_text(f"Before\n<!-- table 05_scores -->\nstale\n<!-- end -->\nafter\n{rivals}")
    publish_project(project)
    published = page.read_text()
    assert "| a\\|b | 0.512 | 1 |" in published and "| c | – | 2 |" in published and "On SynthME." in published
    assert "stale" not in published and published.endswith(f"<!-- end -->\nafter\n{rivals}")
    publish_project(project)
    assert page.read_text() == published


def test_an_appendix_is_published_if_it_was_run(project):
    run = RunFolder(project / "runs" / "quick")
    chapter = project / "notebooks" / "05_scvit.ipynb"
    appendix = chapter.with_name("A1_choices.ipynb")
    shutil.copyfile(chapter, appendix)
    assert appendix not in publish_project(project)
    execute(appendix, run, text="3")
    timings = read_json(run.timings)
    timings["notebooks"]["A1_choices"] = timings["notebooks"]["05_scvit"]
    write_json(run.timings, timings)
    assert appendix in publish_project(project)
    assert nbformat.read(appendix, as_version=4).cells[-1].outputs[0].data["text/plain"] == "3"


def test_the_moving_picture_is_made_anew_if_the_readme_shows_it(project, monkeypatch):
    monkeypatch.setattr(publish_module, "write_amplification", lambda path: path.write_bytes(b"moving") and path)
    publish_project(project)
    assert not (project / publish_module.ANIMATION).exists()
    (project / "README.md").write_text(f"![it moves]({publish_module.ANIMATION})")
    (project / "figures").mkdir(exist_ok=True)
    assert project / publish_module.ANIMATION in publish_project(project)
    assert (project / publish_module.ANIMATION).read_bytes() == b"moving"
