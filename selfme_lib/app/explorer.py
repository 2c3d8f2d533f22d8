"""`selfme explore`: the amplification explorer as a page of its own, served by Voilà.

Voilà runs a notebook and shows its outputs without its code. The notebook is written on the spot: it shows two rendered
people, or the clips of the reader's own data set.

A page runs code and shows faces that a licence may keep private, so it is for its reader alone, also on a machine that others
use. It is served to this machine alone, to whoever knows the token, and as `localhost` only: a web page elsewhere could point a
name of its own here. Each view of the page is a kernel of up to a gigabyte. It ends when the browser leaves the page, or after
`IDLE` seconds without a browser.
"""

import secrets
import sys
import tempfile
import webbrowser
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from .extras import extra

IDLE = 120  # seconds that a kernel without a browser lives

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


def serve(notebook: nbformat.NotebookNode, *, port: int, browser: bool, idle: int = IDLE) -> int:
    """Serve a notebook with Voilà until it is interrupted; returns the exit code of the server.

    Args:
        port: on this machine; it cannot be reached from elsewhere.
        browser: open the page in the reader's browser.
        idle: seconds after which a kernel that no browser is connected to is shut down.
    """
    with extra("notebooks"):
        from voila.app import Voila

    class Server(Voila):
        def launch_browser(self) -> None:
            webbrowser.open(door.as_uri())

    token = secrets.token_urlsafe(24)
    address = f"http://localhost:{port}/?token={token}"
    print(f"{address} (Ctrl-C ends it)", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:  # readable by this user alone
        path, door = Path(folder, "explorer.ipynb"), Path(folder, "explorer.html")
        nbformat.write(notebook, path)
        door.write_text(
            f'<meta http-equiv="refresh" content="0; url={address}">'
        )  # a command line shows others the token
        options = [f"--port={port}", "--Voila.port_retries=0", "--Voila.ip=127.0.0.1", f"--Voila.token={token}"]
        options += [f"--MappingKernelManager.cull_idle_timeout={idle}"]
        options += [f"--MappingKernelManager.cull_interval={max(1, idle // 4)}"]
        options += ["--VoilaConfiguration.kernel_spec_manager_class=selfme_lib.app.kernels.OwnKernels"]
        options += ["--no-browser"] if not browser else []
        ours = {
            "tornado_settings": {"allow_remote_access": False},
            "config_file_paths": [],
        }  # and no file may say otherwise
        try:
            Server.launch_instance([str(path), *options], **ours)  # in this process, so that it ends with it
        except SystemExit as end:
            return int(end.code or 0)
    return 0
