import os
import re
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from selfme_lib.app import cli
from selfme_lib.app import explorer as page
from selfme_lib.runtime.files import write_json

ANSWER = """
import sys
from pathlib import Path
import nbformat
from selfme_lib.app.explorer import serve
sys.exit(serve(nbformat.read("page.ipynb", as_version=4), port=int(sys.argv[1]), browser=False, idle=2))
"""


def test_the_page_is_a_notebook_with_one_cell_of_code():
    notebook = page.notebook_of()
    nbformat.validate(notebook)
    (code,) = (cell.source for cell in notebook.cells if cell.cell_type == "code")
    compile(code, "page", "exec")
    assert "explore_amplification()" in code


def test_the_readers_own_files(tmp_path):
    files = [tmp_path / "on's.png", tmp_path / "apex.png"]
    (code,) = (cell.source for cell in page.notebook_of(files=files).cells if cell.cell_type == "code")
    compile(code, "page", "exec")
    assert all(repr(str(path)) in code for path in files)


def test_a_data_set_of_the_readers_own(tmp_path):
    (code,) = (cell.source for cell in page.notebook_of("smic", tmp_path).cells if cell.cell_type == "code")
    compile(code, "page", "exec")
    assert repr(str(tmp_path)) in code and "apex_rule='middle'" in code


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--dataset", "casme2"], 2, "--root DIR"),
        (["--dataset", "samm"], 2, "samm"),
        (["--dataset", "voxceleb"], 2, "voxceleb"),
        (["--root", "nowhere"], 1, "nowhere"),
        (["--port", "0"], 2, "--port"),
        (["nowhere.mp4"], 1, "nowhere.mp4"),
        (["nowhere.mp4", "--root", "somewhere"], 2, "--root"),
    ],
)
def test_what_cannot_be_shown_is_said_before_a_server_starts(arguments, code, words, capfd, monkeypatch):
    monkeypatch.setattr(page, "serve", lambda *_, **__: pytest.fail("a server was started"))
    assert cli.run(["explore", *arguments]) == code
    error = capfd.readouterr().err
    assert words in error and error.count("\n") == 1


def test_a_server_that_cannot_start_is_told(monkeypatch, capfd):
    asked = {}
    monkeypatch.setattr(page, "serve", lambda notebook, **options: asked.update(options) or 3)
    assert cli.run(["explore", "--port", "9999", "--no-browser"]) == 2
    assert asked == {"port": 9999, "browser": False}
    assert "try another port" in capfd.readouterr().err


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The server of a small page: its process, its address without the token, and with it."""
    folder = tmp_path_factory.mktemp("server")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(
        new_notebook(cells=[new_code_cell("print('for its reader')")], metadata=kernel), folder / "page.ipynb"
    )
    careless = {"Voila": {"token": "", "tornado_settings": {"allow_remote_access": True}}}
    write_json(folder / "voila.json", careless)  # a folder may come with settings of its own
    another = folder / "jupyter/kernels/python3/kernel.json"  # of an interpreter that is not ours
    write_json(another, {"argv": ["/no/such/python", "-f", "{connection_file}"], "display_name": "Python 3"})
    command, paths = [sys.executable, "-c", ANSWER, str(free_port())], {"JUPYTER_PATH": str(folder / "jupyter")}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env={**os.environ, **paths}, stderr=log, stdout=log)
    try:
        for _ in range(600):
            found = re.search(r"(http://localhost:\d+/)\?token=\S+", (folder / "log").read_text())
            if found and answer(found[1]):
                break
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
        yield process, found[1], found[0]
    finally:
        process.terminate()
        process.wait(20)


def answer(address, **headers):
    """Status, place and text of an answer; None if nobody listens."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=60) as reply:
            return reply.status, reply.url, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.url, ""
    except OSError:
        return None


def kernels(process):
    """The server starts no other processes."""
    running = [one.info for one in psutil.process_iter(["ppid", "status"])]
    return [one for one in running if one["ppid"] == process.pid and one["status"] != psutil.STATUS_ZOMBIE]


def test_the_address_is_said_once_and_opens_the_page(server, tmp_path_factory):
    said = (tmp_path_factory.getbasetemp() / "server0" / "log").read_text()
    assert re.findall(r"http://\S*token=\S+", said) == [server[2]], "an address without the token opens nothing"


def test_who_does_not_know_the_token_sees_nothing_and_starts_no_kernel(server):
    process, bare, _ = server
    for address in (bare, f"{bare}?token=guess"):
        status, place, text = answer(address)
        assert status == 200 and "/login" in place and "for its reader" not in text
    assert answer(f"{bare}api/kernels/4ab18d1b-3824-4007-8ced-7576e5c92b06/channels")[0] == 403
    assert kernels(process) == []


@pytest.mark.parametrize("name", ["evil.example", "evil.example:8866", "localhost.evil.example"])
def test_the_page_answers_to_no_name_but_this_machines(server, name):
    """A page elsewhere whose name leads here could otherwise read the answer."""
    process, _, address = server
    assert answer(address, Host=name)[0] == 403 and kernels(process) == []


def test_a_kernel_that_no_browser_looks_at_ends(server):
    process, _, address = server
    status, _, text = answer(address)
    assert status == 200 and "for its reader" in text and len(kernels(process)) == 1
    deadline = time.monotonic() + 60
    while kernels(process) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert kernels(process) == []


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_the_browser_is_sent_to_the_page_by_a_file_that_no_one_else_can_read(monkeypatch, capfd):
    voila = pytest.importorskip("voila.app").Voila
    from tornado.ioloop import IOLoop

    opened = []

    def listen(server):
        server.launch_browser()
        loop = IOLoop.current()
        loop.add_callback(loop.stop)
        loop.start()  # what is to be said once the server answers

    def look(address):
        door = Path(address.removeprefix("file://"))
        opened.append((door.read_text(), stat.S_IMODE(door.parent.stat().st_mode)))

    monkeypatch.setattr(voila, "listen", listen)
    monkeypatch.setattr(page.webbrowser, "open", look)
    try:
        page.serve(page.notebook_of(), port=8866, browser=True)
    finally:
        voila.clear_instance()
    ((text, mode),) = opened
    address = next(word for word in capfd.readouterr().err.split() if word.startswith("http"))
    assert re.fullmatch(r"http://localhost:8866/\?token=[\w-]{32,}", address) and f"url={address}" in text
    assert mode == 0o700
