"""No name from data becomes part of a path unless it is made safe, and names that are plain stay as they are."""

import os
import unicodedata
from pathlib import Path

import pytest

from selfme_lib.runtime.paths import safe_names, seen_from

PLAIN = ["01", "casme2-01", "sub 1", "EP02_01f", "s1_po_01", "TV-L1+ViT", "a.b", "张三", "Zoë (2)"]
HOSTILE = [
    "../../../../x", "/etc/passwd", "..", ".", ".hidden", "", " ", "a/b", "a\\b", "C:x", "a:b", "a\0b", "a\nb", "x ", "x.",
    "-rf", "~", "CON", "nul", "com1.txt", "LPT¹", "$HOME", "`id`", "a|b", "*", "?", "x" * 300, "\udcd0\udcc2", "张" * 60,
]  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_plain_names_stay_as_they_are(name):
    assert safe_names([name, *HOSTILE])[name] == name


@pytest.mark.parametrize("name", HOSTILE)
def test_other_names_stay_inside_the_folder(tmp_path, name):
    safe = safe_names([name])[name]
    path = tmp_path / f"fold-{safe}-0123456789abcdef.json"
    path.write_text(name, encoding="utf-8", errors="surrogatepass")
    assert path.resolve().parent == tmp_path.resolve() and Path(safe).name == safe and len(safe.encode()) <= 80
    assert safe.isascii() and safe.rstrip(" .") == safe and safe.partition(".")[0].lower() not in ("con", "nul", "com1")


def test_no_two_names_share_a_file_even_where_case_does_not_count():
    names = [
        "S01",
        "s01",
        "../S01",
        "..\\S01",
        "Zoë",
        unicodedata.normalize("NFD", "Zoë"),
        "straße",
        "STRASSE",
        *HOSTILE,
        *PLAIN,
    ]
    safe = safe_names(names)
    alike = {unicodedata.normalize("NFC", name).casefold() for name in safe.values()}
    assert len(alike) == len(set(names)) and safe["S01"] == "S01" != safe["s01"].lower()
    assert safe_names(reversed(names)) == safe


def test_a_path_on_another_drive_stays_absolute(tmp_path, monkeypatch):
    assert seen_from(tmp_path / "notebooks", tmp_path / "runs/a") == os.path.join("..", "runs", "a")

    def on_windows(path, start):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", on_windows)
    assert seen_from(tmp_path / "notebooks", tmp_path / "runs/a") == str(tmp_path / "runs" / "a")
