import copy
import os
import shutil
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
import trees

from selfme_lib.data import THREE_CLASSES, Fault, dataset_fingerprint, examine, load_clips
from selfme_lib.data.faults import FaultyData


def test_classes():
    assert THREE_CLASSES == ("negative", "positive", "surprise")


def test_a_fault_is_one_line():
    fault = Fault(severity="error", file=Path("a\nb.xlsx"), row=7, problem="bad\r\ncell", remedy="mend it")
    assert fault.line == "a b.xlsx, row 7: bad cell; mend it"


def test_a_name_in_another_encoding_can_be_printed(tmp_path):
    """As archives packed on a Chinese Windows leave them."""
    root = trees.casme2(tmp_path)
    Path(os.fsdecode(os.fsencode(root / "Cropped/sub01") + b"/A\xd0\xc2.lnk")).write_bytes(b"")
    lines = [fault.line for fault in examine("casme2", root).faults]
    assert any("such as sub01/A??.lnk" in line for line in lines) and all(map(str.encode, lines))


def test_an_error_survives_the_trip_between_processes():
    error = FaultyData(file=Path("a.jpg"), problem="empty", remedy="copy it")
    again = copy.copy(error)  # built anew from what the trip takes along
    assert str(again) == str(error) == "a.jpg: empty; copy it" and again.fault == error.fault


def test_clips_are_frozen(tmp_path):
    clip = load_clips("casme2", trees.casme2(tmp_path))[0]
    with pytest.raises(FrozenInstanceError):
        clip.label = 2


def test_the_fingerprint_depends_on_labels_and_pixels_but_not_on_the_folders_location(tmp_path):
    clips = load_clips("casme2", trees.casme2(tmp_path / "a"))
    fingerprint = dataset_fingerprint(clips)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert dataset_fingerprint(load_clips("casme2", tmp_path / "b")) == fingerprint
    assert dataset_fingerprint(clips[:-1]) != fingerprint
    assert dataset_fingerprint([replace(clips[0], label=1), *clips[1:]]) != fingerprint
    assert dataset_fingerprint(load_clips("casme2", tmp_path / "a", apex_rule="middle")) != fingerprint
    content = bytearray(clips[3].apex_path.read_bytes())
    content[300] ^= 1  # same length, other content
    clips[3].apex_path.write_bytes(content)
    assert dataset_fingerprint(clips) != fingerprint


def test_the_fingerprint_of_smic_needs_no_apex(tmp_path):
    clips = load_clips("smic", trees.smic_cropped(tmp_path))
    fingerprint = dataset_fingerprint(clips)
    trees.write_image(clips[0].onset_path, seed=9)  # a .bmp of the same size
    assert dataset_fingerprint(clips) != fingerprint
