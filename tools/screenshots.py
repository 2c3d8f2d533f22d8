"""What a new user sees: the first screen of each notebook in JupyterLab, of the site's pages and of a run's report.

    python tools/screenshots.py OUT [--run runs/quick]

Opens them in the system's Chromium and writes a PNG each; nothing is executed. To be looked at, before a release.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests"))

from browser import WINDOW, jupyterlab, open_browser, open_notebook  # noqa: E402
from selfme_lib.reproduce import find_appendices, find_notebooks  # noqa: E402
from selfme_lib.results import RunFolder  # noqa: E402
from selfme_lib.site import write_site  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--run", type=Path, help="a run, whose report is taken, too")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, open_browser() as browser:
        copy = Path(scratch, "project")
        for name in ("notebooks", "figures"):
            shutil.copytree(PROJECT / name, copy / name)
        page = browser.new_page(viewport=WINDOW)
        page.set_default_timeout(120_000)
        with jupyterlab(copy, Path(scratch, "lab")) as lab:
            for path in [*find_notebooks(copy / "notebooks"), *find_appendices(copy / "notebooks")]:
                open_notebook(page, lab, f"notebooks/{path.name}")
                page.wait_for_timeout(1500)  # formulas and pictures
                page.screenshot(path=arguments.out / f"lab-{path.stem}.png")
            page.goto("about:blank")
        front = write_site(Path(scratch, "site"), RunFolder(arguments.run) if arguments.run else None)
        for path in [front, *sorted((front.parent / "notebooks").glob("*.html")), front.parent / "LEDGER.html"]:
            page.goto(path.as_uri())
            page.screenshot(path=arguments.out / f"site-{path.stem}.png")
        if arguments.run:
            page.goto(RunFolder(arguments.run).report.resolve().as_uri())
            page.screenshot(path=arguments.out / "report.png")


if __name__ == "__main__":
    main()
