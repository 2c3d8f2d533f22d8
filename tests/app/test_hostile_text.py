"""One hostile data set, wherever its names and labels are shown in a browser: its text is read there and never obeyed."""

import re

import nbformat
import pandas as pd
import pytest
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

pytest.importorskip("playwright", reason="no playwright: pip install -e .[dev]")

from browser import PATIENCE, find_browser, open_browser, serve
from data import trees
from selfme_lib.app.report import write_report
from selfme_lib.app.site import write_site
from selfme_lib.runtime.files import write_json
from selfme_lib.study import profiles
from selfme_lib.study.results import Result, loso_record, metrics_record
from selfme_lib.study.rows import Row
from selfme_lib.study.run_folder import RunFolder
from selfme_lib.study.shown import html_table

pytestmark = pytest.mark.skipif(find_browser() is None, reason="no browser: apt-get install chromium")

HOSTILE = "<img src=x onerror=ran=1><script>ran=1</script>"  # as long as a cell may be before pandas cuts it off
ALT = f"""{HOSTILE}'"`$\\x$&lt;[a](javascript:ran=1)"""
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
PAGE = """
from dataclasses import replace
from IPython.display import display
import pandas as pd
import torch
from selfme_lib.data import load_clips, load_onset_apex
from selfme_lib.study.shown import html_table
from selfme_lib.widgets import explore_amplification, explore_timeline

clips = [replace(clip, subject=HOSTILE, name=HOSTILE, emotion=HOSTILE) for clip in load_clips("casme2", ROOT)[:1]]
assert HOSTILE in clips[0].action_units
table = pd.DataFrame([{"subject": clip.subject, HOSTILE: clip.action_units} for clip in clips])
display(html_table(table), table, explore_timeline(clips))
display(explore_amplification({clip.key: (torch.rand(3, 64, 64), torch.rand(3, 64, 64)) for clip in clips}))
"""


@pytest.fixture(scope="module")
def page():
    with open_browser() as browser:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.route(re.compile("https://.*"), lambda route: route.fulfill(body=""))
        yield page


def check(page, *, times):
    """The text stands on the page as it is in the data, so often at least, and nothing of it ran."""
    page.wait_for_timeout(300)
    assert page.evaluate("window.ran") is None
    shown = page.evaluate("document.documentElement.textContent").replace("\N{NO-BREAK SPACE}", " ")
    assert shown.count(HOSTILE) >= times
    assert page.locator("img[src=x]").count() == 0


@pytest.fixture
def run(tmp_path):
    """A run whose every text comes from the data set."""
    run = RunFolder(tmp_path / "a <script>ran=1<script> b")
    settings = profiles.load("quick")
    write_json(run.profile, profiles.to_dict(settings))
    predictions = pd.DataFrame({"subject": [HOSTILE, "2"], "clip": HOSTILE, "label": [0, 1], "prediction": [0, 1]})
    predictions = predictions.assign(p0=[1.0, 0.0], p1=[0.0, 1.0], p2=0.0)
    row = loso_record(HOSTILE, predictions, seed=0, settings={}, classes=3, bootstrap=10)
    metrics = metrics_record(settings, {"name": HOSTILE, "fingerprint": HOSTILE}, [Result(Row(HOSTILE), (row,), ({},))])
    write_json(run.metrics, metrics)
    run.save_table("01_table", pd.DataFrame({HOSTILE: [HOSTILE]}), title=HOSTILE, caption=HOSTILE)
    run.save_values("01_values", {HOSTILE: [HOSTILE]}, title=HOSTILE, caption=HOSTILE)
    run.save_figure("01_figure", Figure(figsize=(1, 1)), title=HOSTILE, caption=HOSTILE, alt=ALT)
    timing = {"status": "failed", "seconds": 1.0, "peak_memory_mb": 1, "key": "", "message": HOSTILE}
    write_json(run.timings, {"profile": "quick", "notebooks": {"01_x": timing}})
    return run


def test_a_report_shows_hostile_text_and_does_not_obey_it(run, page):
    page.goto(write_report(run).as_uri())
    check(page, times=12)
    assert page.locator("img").get_attribute("alt") == ALT


def test_a_site_shows_hostile_text_and_does_not_obey_it(run, page, tmp_path):
    pytest.importorskip("sphinx", reason="no Sphinx: pip install -e .[docs]")
    pictured = new_output("display_data", {"image/png": "aGk=", "text/plain": "F"})
    pictured.metadata["image/png"] = {"alt": ALT}
    frame = pd.DataFrame({HOSTILE: [HOSTILE]})
    tables = [html_table(frame).data, frame.to_html()]
    outputs = [new_output("display_data", {"text/html": table}) for table in tables]
    outputs += [
        new_output("stream", text=HOSTILE),
        new_output("execute_result", {"text/plain": repr(HOSTILE)}),
        pictured,
    ]
    outputs += [new_output("error", ename="ValueError", evalue=HOSTILE, traceback=[HOSTILE])]
    cells = [new_markdown_cell("# 00 · One"), new_code_cell("show()", outputs=outputs)]
    project = tmp_path / "project"
    for folder in (project / "notebooks", run.notebooks):
        folder.mkdir(parents=True)
        nbformat.write(
            new_notebook(metadata={"language_info": {"name": "python"}}, cells=cells), folder / "00_one.ipynb"
        )
    (project / "README.md").write_text("# Project\n")
    (project / "LEDGER.md").write_text("# Ledger\n")
    write_report(run)
    write_site(tmp_path / "site", run, project=project)
    page.goto((tmp_path / "site" / "notebooks" / "00_one.html").as_uri())
    check(page, times=6)
    assert ALT in [image.get_attribute("alt") for image in page.locator("img").all()]
    page.goto((tmp_path / "site" / "run.html").as_uri())
    assert page.evaluate("window.ran") is None and run.name in page.locator("article").inner_text()


def test_voila_shows_hostile_text_and_does_not_obey_it(page, tmp_path):
    rows = [trees.Row("01", "EP02_01f", 46, 59, 61, HOSTILE, "disgust", range(46, 62))]
    root = trees.casme2(tmp_path / "casme2", rows=rows)
    code = f"HOSTILE, ROOT = {HOSTILE!r}, {str(root)!r}\n{PAGE}"
    nbformat.write(new_notebook(cells=[new_code_cell(code)], metadata=KERNEL), tmp_path / "page.ipynb")
    start = "import nbformat, sys; from selfme_lib.app.explorer import serve; notebook = nbformat.read(sys.argv[1], 4)"
    command = [
        "-c",
        f"{start}; serve(notebook, port=int(sys.argv[2]), browser=False)",
        str(tmp_path / "page.ipynb"),
        "{port}",
    ]
    with serve(command, tmp_path, tmp_path / "scratch", "/api"):
        page.goto(re.search(r"http://localhost:\S+", (tmp_path / "scratch" / "server.log").read_text())[0])
        page.wait_for_selector(".selfme-pictures img")
        page.wait_for_selector(".selfme[data-drawn]")
        assert page.locator("[data-mime-type='application/vnd.jupyter.error']").all_inner_texts() == []
        check(page, times=6 + 2 + 4)  # cells of the tables, emotion and units of the timeline, menus of both widgets
        page.goto("about:blank")
