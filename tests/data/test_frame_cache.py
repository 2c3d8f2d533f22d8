import multiprocessing
import os
from dataclasses import replace

import cv2
import numpy as np
import pytest
import recordings
import torch
import trees

from selfme_lib.data import dataset_fingerprint, load_clips, load_onset_apex, read_clip_frame, read_frame
from selfme_lib.data.alignment import Alignment, crop_face, find_alignment
from selfme_lib.data.frame_cache import FrameCache, frames_without_face
from selfme_lib.runtime.errors import DataError


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return recordings.samm(tmp_path_factory.mktemp("samm"))


def test_recordings_are_cropped_and_nothing_else_changes(recorded, tmp_path, caplog):
    clips = load_clips("samm", recorded)
    aligned = FrameCache(tmp_path, 48).with_aligned(clips)
    assert "no face found in 1 frames: 006/006_1_2/006_00010.jpg" in caplog.text
    assert [replace(clip, aligned=None) for clip in aligned] == clips
    clip = aligned[0]
    matrix = find_alignment([(read_frame(path) * 255).byte().permute(1, 2, 0).numpy() for path in clip.frames]).matrix
    stored = np.load(clip.aligned, mmap_mode="r", allow_pickle=False)
    assert stored.shape == (6, 48, 48, 3) and isinstance(stored, np.memmap)
    onset = cv2.cvtColor(cv2.imread(str(clip.onset_path)), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(stored[0], crop_face(onset, matrix, 48))
    assert [path.name for path in frames_without_face(clip)] == ["006_00010.jpg"]
    assert frames_without_face(clips[0]) == []


def test_the_pipeline_reads_aligned_frames(recorded, tmp_path):
    clips = FrameCache(tmp_path, 48).with_aligned(load_clips("samm", recorded))
    onset, _ = load_onset_apex(clips, 48)
    assert torch.equal(
        onset[0], torch.from_numpy(np.load(clips[0].aligned, allow_pickle=False)[0]).permute(2, 0, 1).float() / 255
    )
    assert read_clip_frame(clips[0], 11, 24).shape == (3, 24, 24)
    assert dataset_fingerprint(clips) != dataset_fingerprint(load_clips("samm", recorded))


def test_cropped_clips_stay_as_they_are(tmp_path):
    clips = load_clips("casme2", trees.casme2(tmp_path / "casme2"))
    cache = FrameCache(tmp_path / "frames", 16)
    assert cache.with_aligned(clips) == clips and not (tmp_path / "frames").exists()
    for clip, path in zip(clips, cache.fill(clips[:2])):
        expected = [(read_frame(path, 16) * 255).round().byte().permute(1, 2, 0).numpy() for path in clip.frames]
        assert np.abs(np.load(path, allow_pickle=False).astype(int) - np.stack(expected)).max() <= 1


def test_an_entry_is_made_once_and_again_when_anything_changes(tmp_path):
    clip = load_clips("casme2", trees.casme2(tmp_path / "casme2"))[0]
    (first,) = FrameCache(tmp_path / "frames", 16).fill([clip])
    made = first.stat().st_mtime_ns
    assert FrameCache(tmp_path / "frames", 16).fill([clip]) == [first] and first.stat().st_mtime_ns == made
    assert FrameCache(tmp_path / "frames", 24).fill([clip]) != [first]
    trees.write_image(clip.frames[3], seed=99)  # neither onset nor apex
    assert FrameCache(tmp_path / "frames", 16).fill([clip]) != [first]


def test_damaged_frames_and_facts_are_made_anew(recorded, tmp_path):
    clips, cache = load_clips("samm", recorded)[:1], FrameCache(tmp_path, 48)
    (path,) = cache.fill(clips)
    sound, facts = path.read_bytes(), path.with_suffix(".json").read_bytes()
    np.save(path, np.load(path, allow_pickle=False)[::-1])
    assert cache.fill(clips) == [path] and path.read_bytes() == sound
    path.with_suffix(".json").write_text("{}")
    assert cache.fill(clips) == [path] and path.with_suffix(".json").read_bytes() == facts


def test_a_broken_frame_leaves_nothing_behind(tmp_path):
    clip = load_clips("casme2", trees.casme2(tmp_path / "casme2"))[0]
    clip.frames[5].write_bytes(clip.frames[5].read_bytes()[:200])
    with pytest.raises(DataError, match="truncated"):
        FrameCache(tmp_path / "frames", 16).fill([clip])
    assert not [path for path in (tmp_path / "frames").iterdir() if path.suffix != ".lock"]


def test_a_clip_without_any_face_is_refused_with_its_folder(tmp_path):
    clip = load_clips("samm", trees.samm(tmp_path / "samm"))[0]  # noise
    with pytest.raises(DataError, match=r"006_1_2: no face in any of its 6 frames"):
        FrameCache(tmp_path / "frames", 16).with_aligned([clip])


def fill(folder, clip, start, results):
    start.wait()
    (path,) = FrameCache(folder, 16).fill([clip])
    results.put((os.getpid(), path.stat().st_mtime_ns, int(np.load(path, mmap_mode="r", allow_pickle=False).sum())))


def test_processes_share_a_cache(tmp_path):
    clip = load_clips("casme2", trees.casme2(tmp_path / "casme2"))[0]
    context = multiprocessing.get_context("fork")
    start, results = context.Event(), context.Queue()
    workers = [context.Process(target=fill, args=(tmp_path / "frames", clip, start, results)) for _ in range(4)]
    for worker in workers:
        worker.start()
    start.set()
    found = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(60)
    assert len({pid for pid, _, _ in found}) == 4
    assert len({rest for _, *rest in map(tuple, found) for rest in [tuple(rest)]}) == 1, (
        "made once, read the same by all"
    )


def test_a_clip_that_may_be_stored_sideways_is_warned_about(tmp_path, caplog, monkeypatch):
    clip = load_clips("samm", trees.samm(tmp_path / "samm"))[0]
    sideways = Alignment(np.array([[0.0, 0.05, 0.0], [-0.05, 0.0, 1.0]]), (), len(clip.frames), 0.0)
    monkeypatch.setattr("selfme_lib.data.frame_cache.find_alignment", lambda _: sideways)
    for _ in range(2):  # and again when it is read from the cache
        caplog.clear()
        FrameCache(tmp_path / "frames", 16).with_aligned([clip])
        assert (
            "006/006_1_2: the face is turned by 90°; is it stored sideways? If so, turn its frames upright"
            in caplog.text
        )
