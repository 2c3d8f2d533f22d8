import os
import stat

import pytest

from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import atomic_path, finished, read_json, read_yaml, write_json


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    place = tmp_path / "new" / "file.txt"
    with pytest.raises(RuntimeError), atomic_path(place) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(place.parent.iterdir()) == []
    with atomic_path(place) as temporary:
        temporary.write_text("whole")
        assert temporary.suffix == ".txt" and not place.exists()
    assert place.read_text() == "whole" and list(place.parent.iterdir()) == [place]


def test_a_file_is_on_the_disk_before_it_gets_its_name_and_so_is_the_name(tmp_path, monkeypatch):
    said = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: said.append("sync") or fsync(handle))
    monkeypatch.setattr(os, "replace", lambda *paths: said.append("rename") or replace(*paths))
    write_json(tmp_path / "a.json", 1)
    assert said == (["sync", "rename", "sync"] if os.name == "posix" else ["sync", "rename"])


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_are_those_that_the_umask_grants(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_json(tmp_path / "a.json", 1)
        with atomic_path(tmp_path / "b.safetensors") as temporary:
            temporary.unlink()  # as writers do that put a private file of their own in its place
            temporary.touch(0o600)
    finally:
        os.umask(before)
    for name in ("a.json", "b.safetensors"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o666 & ~umask


@pytest.mark.skipif(os.name != "posix", reason="links and devices of POSIX")
def test_a_link_is_followed_and_a_device_is_refused(tmp_path):
    (tmp_path / "real.json").write_text("0")
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    write_json(tmp_path / "link.json", 1)
    assert (tmp_path / "link.json").is_symlink() and read_json(tmp_path / "real.json") == 1
    os.mkfifo(tmp_path / "pipe")
    for place in ("/dev/null", tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError), atomic_path(place):
            pass


def test_what_is_still_being_written_is_not_among_the_finished_files(tmp_path):
    write_json(tmp_path / "05_a.json", 1)
    with atomic_path(tmp_path / "05_b.json") as temporary:
        assert temporary in list(tmp_path.glob("*_*.json")), "a plain pattern finds it"
        assert finished(tmp_path, "*_*.json") == [tmp_path / "05_a.json"]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000, b""])
def test_damaged_json_is_one_line(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.json: damaged, not JSON") as error:
        read_json(tmp_path / "a.json")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb: 2\na: 3", "in line 3 (a is given twice)"),
        ("data: {size: 1, size: 2}", "in line 1 (size is given twice)"),
        ("a: &x [1, 2]\nb: [*x, *x]", "aliases are not allowed"),
        ("a: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("a: [", "not valid YAML"),
        ("a: !!python/object/apply:os.system [ls]", "not valid YAML"),
        ("just words", "expected `name: value` lines"),
    ],
)
def test_yaml_that_is_damaged_ambiguous_or_hostile_is_one_line(tmp_path, text, reason):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"a\.yaml") as error:
        read_yaml(tmp_path / "a.yaml")
    assert reason in str(error.value) and "\n" not in str(error.value)


def test_yaml_that_is_no_text_or_is_not_there(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe")
    for name in ("a.yaml", "missing.yaml"):
        with pytest.raises(UsageError, match=name):
            read_yaml(tmp_path / name)
