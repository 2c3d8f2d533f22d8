import logging
import os
import signal
import subprocess
import sys
import threading

import pytest

from selfme_lib.runtime import locks
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import read_json, write_json
from selfme_lib.runtime.locks import in_turn, in_use

NOTE, LOCK = ".in-use.json", ".in-use.lock"


def test_a_folder_in_use_names_its_process_and_is_free_afterwards(tmp_path):
    folder = tmp_path / "new/run"
    with (
        in_use(folder),
        pytest.raises(DataError, match=f"run: in use by process {os.getpid()}; wait until it has ended"),
        in_use(folder),
    ):
        pass
    with pytest.raises(ZeroDivisionError), in_use(folder):
        _ = 1 / 0
    with in_use(folder):
        assert read_json(folder / NOTE)["process"] == os.getpid()
    assert not folder.exists()


def test_a_folder_in_which_nothing_was_made_is_not_left_behind(tmp_path):
    with in_use(tmp_path / "empty"):
        pass
    with in_use(tmp_path / "full"):
        (tmp_path / "full/file").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_the_lock_of_a_killed_process_is_stale(tmp_path):
    code = "import os, sys; from pathlib import Path; from selfme_lib.runtime.locks import in_use\n"
    code += "with in_use(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL and (tmp_path / NOTE).exists()
    with in_use(tmp_path):
        assert read_json(tmp_path / NOTE)["process"] == os.getpid()


def test_a_note_of_another_machine_is_believed_even_where_its_lock_cannot_be_seen(tmp_path):
    write_json(tmp_path / NOTE, {"process": 42, "host": "elsewhere"})
    words = r"in use by process 42 on elsewhere, or left by it .* delete .*in-use\.json"
    with pytest.raises(DataError, match=words), in_use(tmp_path):
        pass
    (tmp_path / NOTE).unlink()
    with in_use(tmp_path):
        pass


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"process": "x", "host": 1}'])
def test_a_damaged_note_locks_nobody_out(tmp_path, content):
    (tmp_path / NOTE).write_text(content)
    with in_use(tmp_path):
        (tmp_path / NOTE).write_text(content)
        with pytest.raises(DataError, match="in use by another process"), in_use(tmp_path):
            pass


def test_who_waits_for_a_turn_says_so(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(locks, "_PATIENCE", 0.01)
    done, path = threading.Event(), tmp_path / "new/field.npy"

    def second():
        with in_turn(path):
            done.set()

    with in_turn(path), caplog.at_level(logging.WARNING):
        thread = threading.Thread(target=second)
        thread.start()
        assert not done.wait(0.2)
    thread.join(10)
    assert done.is_set() and "field.npy: another process works on it" in caplog.text
