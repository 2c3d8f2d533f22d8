"""`selfme explore`: the amplification explorer as a page of its own, served by Voilà.

Voilà runs a notebook and shows its outputs without its code. The notebook is written on the spot: it shows rendered
people, the clips of the reader's own data set, or a video or pictures of the reader's own.

A page runs code and shows faces that a licence may keep private, so it is for its reader alone, also on a machine that others
use. It is served to this machine alone, to whoever knows the token, and as `localhost` only: a web page elsewhere could point a
name of its own here. Each view of the page is a kernel of up to a gigabyte. It ends when the browser leaves the page, or after
`IDLE` seconds without a browser.
"""

import secrets
import sys
import tempfile
import webbrowser
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from .extras import extra

IDLE = 120  # seconds that a kernel without a browser lives

TITLE = """\
# Amplify a micro-expression

On the left is what a camera saw. On the right is the onset frame, moved by γ times the motion that a network found from there to
each other frame. At γ = 1 both look alike; turn γ up, and what the eye missed becomes obvious.
"""
NOTES = """\
**Raw** leaves out the B-spline and the exponential that keep the motion smooth and invertible; cells that fold over turn orange.
Arrows and colours show where the skin goes. **Truth** is what the renderer moved: real recordings have none. Your own pictures,
videos and camera stay on this machine. For teaching and research; not a tool to judge anyone.
"""
RENDERED = """\
from selfme_lib.widgets import explore_amplification

explore_amplification()
"""
FROM_DISK = """\
from selfme_lib.data import load_clips
from selfme_lib.data.frame_cache import FrameCache
from selfme_lib.runtime.paths import DATA
from selfme_lib.widgets import WholeClips, explore_amplification

clips = load_clips({dataset!r}, {root!r}, apex_rule={rule!r})
explore_amplification(WholeClips(clips, 224, FrameCache(DATA / "frames", 224)))
"""
OWN = """\
from selfme_lib.widgets import explore_amplification
from selfme_lib.widgets.own import take_of_files

explore_amplification({{{name!r}: take_of_files({files!r})}})
"""
DARK = """\
<style>
@media (prefers-color-scheme: dark) {
  body {
    --jp-layout-color0: #101114; --jp-layout-color1: #17181b; --jp-layout-color2: #26282d; --jp-border-color1: #4a4d55;
    --jp-ui-font-color1: #e9e9ec; --jp-ui-font-color2: #b4b7bf; --jp-content-font-color1: #e9e9ec;
    background: #101114; color-scheme: dark;
  }
  .selfme.selfme { --accent: #56b4e9; --on-accent: #10131a; --wrong: #ff8a80; }
}
</style>
"""  # Voilà's own theme knows light or dark, not what the reader prefers


def apex_rule(dataset: str) -> str:
    """SMIC labels no apex frames, so the middle one stands in."""
    return "middle" if dataset in ("smic", "composite") else "label"


def notebook_of(
    dataset: str = "synthme", root: Path | None = None, files: Sequence[Path] = ()
) -> nbformat.NotebookNode:
    """The page as a notebook.

    Args:
        dataset: whose clips, if `root` is given.
        root: folder of the data set; None: the rendered people that come with the package.
        files: a video or pictures of the reader's own, instead.
    """
    code = RENDERED
    if files:
        code = OWN.format(name=files[0].name, files=[str(path.resolve()) for path in files])
    elif root is not None:
        code = FROM_DISK.format(dataset=dataset, root=str(root.resolve()), rule=apex_rule(dataset))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [new_markdown_cell(DARK + TITLE), new_code_cell(code.strip()), new_markdown_cell(NOTES)]
    return new_notebook(cells=cells, metadata=kernel | {"title": "SelfME: amplify a micro-expression"})


def serve(notebook: nbformat.NotebookNode, *, port: int, browser: bool, idle: int = IDLE) -> int:
    """Serve a notebook with Voilà until it is interrupted; returns the exit code of the server.

    Args:
        port: on this machine; it cannot be reached from elsewhere.
        browser: open the page in the reader's browser.
        idle: seconds after which a kernel that no browser is connected to is shut down.
    """
    with extra("notebooks"):
        from tornado.ioloop import IOLoop
        from voila.app import Voila

    class Server(Voila):
        def listen(self) -> None:
            IOLoop.current().add_callback(print, f"{address} (Ctrl-C ends it)", file=sys.stderr)  # once it answers
            super().listen()

        def launch_browser(self) -> None:
            webbrowser.open(door.as_uri())

    token = secrets.token_urlsafe(24)
    address = f"http://localhost:{port}/?token={token}"
    with tempfile.TemporaryDirectory() as folder:  # readable by this user alone
        path, door = Path(folder, "explorer.ipynb"), Path(folder, "explorer.html")
        nbformat.write(notebook, path)
        door.write_text(
            f'<meta http-equiv="refresh" content="0; url={address}">'
        )  # a command line shows others the token
        options = [f"--port={port}", "--Voila.port_retries=0", "--Voila.ip=127.0.0.1", f"--Voila.token={token}"]
        options += ["--Voila.log_level=WARN"]  # it would print the address, too, without the token
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
