"""A real browser and a JupyterLab for it to look at: for `test_browser` and `tools/screenshots.py`.

The browser is the system's Chromium, driven by Playwright. Nothing is downloaded, and nothing but this machine is asked.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
PATIENCE = 240_000  # ms: seconds on a machine with nothing else to do, minutes on a busy one
WINDOW = {"width": 1280, "height": 900}

# What the page shows says "idle" before there is a kernel, and "Run All Cells" then asks which one to take.
KERNEL_IS_THERE = """() => {
    const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
    return kernel?.connectionStatus == 'connected' && kernel.status == 'idle';
}"""


def find_browser() -> str | None:
    """The path of a Chromium on this machine."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def open_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=[*FLAGS])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def serve(arguments: list[str], folder: Path, scratch: Path, path: str = "/api/status") -> Iterator[str]:
    """A server of this Python in `folder`; gives its address once it answers. `{port}` in the arguments is a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    scratch.mkdir(parents=True, exist_ok=True)
    own = {name: str(scratch / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    own |= {name: str(scratch / name.lower()) for name in ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")}
    command = [sys.executable, *(argument.replace("{port}", str(port)) for argument in arguments)]
    with (scratch / "server.log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env={**os.environ, **own}, stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{port}{path}", server, scratch / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def jupyterlab(folder: Path, scratch: Path) -> Iterator[tuple[str, str]]:
    """JupyterLab in `folder`: its address and its token."""
    token = secrets.token_hex(16)
    options = {
        "ServerApp.port": "{port}",
        "ServerApp.open_browser": "False",
        "ServerApp.allow_root": "True",
        "IdentityProvider.token": token,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.expose_app_in_browser": "True",  # so that a page can be asked about its kernel
        "LabApp.extension_manager": "readonly",
    }
    news = (
        scratch / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    )
    news.parent.mkdir(parents=True)
    news.write_text('{"fetchNews": "false"}')  # it would ask, in front of the page
    arguments = ["-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]
    with serve(arguments, folder, scratch, f"/api/status?token={token}") as address:
        yield address, token


def watch_console(page: Page) -> list[str]:
    """Errors of the page, as they come."""
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    return errors


def open_notebook(page: Page, lab: tuple[str, str], path: str) -> None:
    """Open a notebook in JupyterLab and wait until its kernel is there."""
    address, token = lab
    page.goto(f"{address}/lab/tree/{path}?token={token}&reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=PATIENCE)
    page.wait_for_function(KERNEL_IS_THERE, timeout=PATIENCE)


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(900):
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except urllib.error.HTTPError:  # an answer, if no welcome
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"no answer from {address}: {log.read_text()[-2000:]}")
