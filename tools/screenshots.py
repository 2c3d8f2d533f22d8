"""Screenshots of what a new user sees (notebooks in JupyterLab, web pages, a run's report), to look through before a release.

    python tools/screenshots.py OUT [--run runs/quick]             # the first screen of each; nothing is executed
    python tools/screenshots.py OUT --execute [--run runs/quick]   # "Run All Cells" in each notebook, and all its screens

Uses the system's Chromium and writes one PNG per screen. Executed notebooks work on a copy of the run and find what it has
computed; without a run they start from nothing. Cells that fail are listed, and the exit code is 1.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page
from tqdm import tqdm

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests"))

from browser import WINDOW, jupyterlab, open_browser, open_notebook  # noqa: E402
from selfme_lib.app.chapters import find_appendices, find_notebooks  # noqa: E402
from selfme_lib.app.site import write_site  # noqa: E402
from selfme_lib.study.run_folder import RunFolder  # noqa: E402

HOUR = 3_600_000  # ms
NOTEBOOK = "window.jupyterapp.shell.currentWidget.content"
FINISHED = f"() => {NOTEBOOK}.widgets.every(cell => cell.model.type != 'code' || cell.model.executionState == 'idle')"
ERRORS = f"""() => {NOTEBOOK}.widgets.flatMap((cell, number) => cell.model.type != 'code' ? [] :
    cell.model.outputs.toJSON().filter(output => output.output_type == 'error' || output.name == 'stderr')
        .map(output => `cell ${{number}}: ${{output.ename || 'stderr'}} ${{output.evalue || output.text}}`))"""
SCROLL = """down => {
    const panel = window.jupyterapp.shell.currentWidget.node.querySelector('.jp-WindowedPanel-outer');
    const before = panel.scrollTop;
    panel.scrollTop = down === null ? 0 : before + down;
    return panel.scrollTop != before;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--run", type=Path, help="a run; its report is included")
    parser.add_argument("--execute", action="store_true", help="run all cells of each notebook; takes as long as a run")
    parser.add_argument("--only", default="", help="only notebooks whose names start like this: 02,05")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as scratch, open_browser() as browser:
        copy = Path(scratch, "project")
        for name in ("notebooks", "figures"):
            shutil.copytree(PROJECT / name, copy / name)
        if arguments.run and arguments.execute:
            shutil.copytree(arguments.run, copy / "runs" / "lab")  # the notebooks' own default
        page = browser.new_page(viewport=WINDOW)
        page.set_default_timeout(120_000)
        with jupyterlab(copy, Path(scratch, "lab")) as lab:
            notebooks = [*find_notebooks(copy / "notebooks"), *find_appendices(copy / "notebooks")]
            for path in tqdm([one for one in notebooks if one.name.startswith(tuple(arguments.only.split(",")))]):
                open_notebook(page, lab, f"notebooks/{path.name}")
                page.wait_for_timeout(1500)  # formulas and pictures
                if arguments.execute:
                    failures += [f"{path.name}, {error}" for error in execute(page)]
                    every_screen(page, arguments.out, f"lab-{path.stem}")
                else:
                    page.screenshot(path=arguments.out / f"lab-{path.stem}.png")
            page.goto("about:blank")
        if not arguments.execute:
            site_and_report(page, Path(scratch, "site"), arguments.out, arguments.run)
    if failures:
        sys.exit("\n".join(failures))


def execute(page: Page) -> list[str]:
    """Run all cells; returns one line for each failure."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_timeout(1000)
    page.wait_for_function(FINISHED, timeout=3 * HOUR, polling=1000)
    return page.evaluate(ERRORS)


def every_screen(page: Page, out: Path, name: str) -> None:
    """Scroll from top to bottom and write one PNG per screen."""
    page.evaluate(SCROLL, None)
    for number in range(200):
        page.wait_for_timeout(700)
        page.screenshot(path=out / f"{name}-{number:02}.png")
        if not page.evaluate(SCROLL, WINDOW["height"] - 180):  # a screen less the menus
            return


def site_and_report(page: Page, site: Path, out: Path, run: Path | None) -> None:
    front = write_site(site, RunFolder(run) if run else None)
    for path in [front, *sorted((front.parent / "notebooks").glob("*.html")), front.parent / "LEDGER.html"]:
        page.goto(path.as_uri())
        page.screenshot(path=out / f"site-{path.stem}.png")
    if run:
        page.goto(RunFolder(run).report.resolve().as_uri())
        page.screenshot(path=out / "report.png")


if __name__ == "__main__":
    main()
