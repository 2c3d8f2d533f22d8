"""`selfme explore`: the amplification explorer as a page of its own, served by Voilà.

Voilà runs a notebook and shows its outputs without its code. The notebook is written on the spot: it shows two rendered
people, or the clips of the reader's own data set.
"""

import sys
import tempfile
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from .extras import extra

TITLE = """\
# Amplify a micro-expression

Onset and apex are what a camera saw. The third picture is the onset frame, moved by γ times the motion that a network found
between the two. At γ = 1 it is the apex; drag the slider, and what the eye missed becomes obvious.
"""
NOTES = """\
**bilinear (raw)** leaves out the B-spline and the exponential that keep the motion smooth and invertible; cells that fold
over turn orange. Arrows and colours show where the skin goes. For teaching and research; not a tool to judge anyone.
"""
RENDERED = """\
from selfme_lib.synthme.studio import micro_expressions
from selfme_lib.widgets import explore_amplification

explore_amplification(micro_expressions(128))
"""
FROM_DISK = """\
from selfme_lib.data import load_clips
from selfme_lib.data.frame_cache import FrameCache
from selfme_lib.runtime.paths import DATA
from selfme_lib.widgets import ClipFrames, explore_amplification

clips = load_clips({dataset!r}, {root!r}, apex_rule={rule!r})
explore_amplification(ClipFrames(clips, 224, FrameCache(DATA / "frames", 224)))
"""


def apex_rule(dataset: str) -> str:
    """SMIC labels no apex frames, so the middle one stands in."""
    return "middle" if dataset in ("smic", "composite") else "label"


def notebook_of(dataset: str = "synthme", root: Path | None = None) -> nbformat.NotebookNode:
    """The page as a notebook.

    Args:
        dataset: whose clips, if `root` is given.
        root: folder of the data set; None: two rendered people.
    """
    code = RENDERED
    if root is not None:
        code = FROM_DISK.format(dataset=dataset, root=str(root.resolve()), rule=apex_rule(dataset))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [new_markdown_cell(TITLE), new_code_cell(code.strip()), new_markdown_cell(NOTES)]
    return new_notebook(cells=cells, metadata=kernel | {"title": "SelfME: amplify a micro-expression"})


def serve(notebook: nbformat.NotebookNode, *, port: int, browser: bool) -> int:
    """Serve a notebook with Voilà until it is interrupted; returns the exit code of the server.

    Args:
        port: on this machine; it cannot be reached from elsewhere.
        browser: open the page in the reader's browser.
    """
    with extra("notebooks"):
        from voila.app import Voila

    print(f"http://localhost:{port}/ (Ctrl-C ends it)", file=sys.stderr)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "explorer.ipynb")
        nbformat.write(notebook, path)
        options = [f"--port={port}", "--Voila.port_retries=0", "--Voila.ip=127.0.0.1"]
        options += ["--no-browser"] if not browser else []
        try:
            Voila.launch_instance([str(path), *options])  # in this process, so that it ends with it
        except SystemExit as end:
            return int(end.code or 0)
    return 0
