"""Write long videos to disk: frames or a video file where CAS(ME)² or SAMM Long Videos has them, label sheets, and the truth.

Processes render video by video, frame by frame, so memory does not grow with the length. Groups of frames are kept until the
video is whole: an interrupted run resumes in the middle of a video. Bytes depend on the version and the configuration alone.
"""

import hashlib
import math
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from selfme_lib.runtime.files import read_arrays, write_json
from selfme_lib.runtime.kept import is_sound, read_record, write_record
from selfme_lib.runtime.locks import in_turn
from selfme_lib.runtime.processes import in_parallel

from .codec import GROUP, h264, through_h264, write_avi
from .dataset import DISCLAIMER, claim
from .ground_truth import motion_arrays, save_arrays, timeline_arrays
from .identity import make_face
from .long_layouts import VideoFiles, sheets_of, write_long_sheets
from .long_plan import LongConfig, PlannedVideo, labels_of, long_fingerprint, plan_videos
from .long_script import LABELLED, LongScript, write_long_script
from .long_truth import events_path, motion_prefix
from .render import Renderer
from .studio import photographer, record, renderer_of
from .truth import truth_path

UNFINISHED = ".unfinished"


def write_long_dataset(root: Path | str, config: LongConfig, *, workers: int | None = None) -> Path:
    """Write long videos, or finish what was begun.

    Args:
        root: an empty or new folder, or one with the same configuration; it is returned.
        config: what to write.
        workers: processes, each of which makes a video; by default one per core.

    Raises:
        DataError: the folder holds something else.
        UsageError: the configuration asks for H.264, and PyAV is not installed.
    """
    root, fingerprint = Path(root), long_fingerprint(config)
    description = {"version": config.version or "own settings", "fingerprint": fingerprint, "fps": config.rate}
    description |= {"layout": config.layout, "labels": DISCLAIMER, "config": config.to_plain()}
    root.mkdir(parents=True, exist_ok=True)
    with in_turn(root):  # two runs that share a folder take turns
        claim(root, description)
        videos = plan_videos(config)
        missing = [video for video in videos if not _finished(root, config, video.files)]
        jobs = [(root, config, video) for video in missing]
        done = len(videos) - len(missing)
        with tqdm(total=len(videos), initial=done, desc="SynthME", unit="video", disable=None) as bar:
            for _ in in_parallel(_make_video, jobs, workers):
                bar.update()
        shutil.rmtree(root / UNFINISHED, ignore_errors=True)
        if missing or not all((root / sheet).is_file() for sheet in sheets_of(config.layout)):
            labels = [label for video in videos for label in labels_of(config, video)]
            write_long_sheets(root, config.layout, [video.files for video in videos], labels)
    return root


def long_script(config: LongConfig, video: PlannedVideo) -> LongScript:
    """Everything that a video shows."""
    identity = make_face(video.person)
    script = write_long_script(
        identity,
        video.events,
        video.seed,
        seconds=config.seconds,
        fps=config.rate,
        difficulty=config.difficulty,
    )
    return script.turned(identity, math.radians(config.yaw)) if config.yaw else script


def film_long(renderer: Renderer, script: LongScript, frames: Iterable[int]) -> Iterator[np.ndarray]:
    """Frames of a long video as the sensor records them, uint8 (size, size, 3) RGB; each has noise of its own."""
    picture_of = photographer(renderer, script)
    for frame in frames:
        yield record(renderer, script, frame, picture_of(frame), np.random.default_rng((*script.seed, frame)))


def _finished(root: Path, config: LongConfig, files: VideoFiles) -> bool:
    kept = read_record(truth_path(root, files.subject, files.name).with_suffix(".json"))
    return kept is not None and kept == _checksum(root, config, files)


def _checksum(root: Path, config: LongConfig, files: VideoFiles) -> str:
    """Of the frames or the file of a video and its truth; empty if one of them is missing."""
    truth, place, digest = truth_path(root, files.subject, files.name), root / files.place, hashlib.sha256()
    shown = [place] if files.as_video else [place / files.frame_name(n + 1) for n in range(config.frames)]
    for path in (*shown, truth, events_path(truth)):
        if not path.is_file():
            return ""
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _make_video(root: Path, config: LongConfig, video: PlannedVideo) -> None:
    """Render a video group by group, put it together, and then write its truth."""
    cv2.setNumThreads(1)
    files, script = video.files, long_script(config, video)
    renderer = renderer_of(video.person, config.size)
    folder = root / UNFINISHED / files.name
    groups = [folder / f"{first:06d}.npz" for first in range(0, len(script), GROUP)]
    for number, path in enumerate(groups):
        if not is_sound(path):
            frames = range(number * GROUP, min((number + 1) * GROUP, len(script)))
            pictures = film_long(renderer, script, frames)
            save_arrays(path, _packed(_stored(config, files, script, pictures)), sealed=True)
    content = (one for path in groups for one in _unpacked(path))
    place = root / files.place
    if files.as_video:
        write_avi(place, content, config.size, config.rate)
    else:
        whole = folder / "whole"
        shutil.rmtree(whole, ignore_errors=True)
        whole.mkdir(parents=True)
        for number, frame in enumerate(content, start=1):
            (whole / files.frame_name(number)).write_bytes(frame)
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(whole, place)
    truth = truth_path(root, files.subject, files.name)
    _write_truth(truth, renderer, script)
    write_record(truth.with_suffix(".json"), _checksum(root, config, files))
    shutil.rmtree(folder)


def _stored(
    config: LongConfig, files: VideoFiles, script: LongScript, pictures: Iterator[np.ndarray]
) -> Iterator[bytes]:
    """What is kept of each picture: a file, or its part of a video file."""
    if files.as_video:
        yield from h264(pictures, config.size, config.rate)
        return
    if config.codec == "h264":
        pictures = through_h264(pictures, config.size, config.rate)
    yield from (files.encode(picture, script.jpeg_quality) for picture in pictures)


def _packed(content: Iterable[bytes]) -> dict[str, np.ndarray]:
    parts = list(content)
    return {"bytes": np.frombuffer(b"".join(parts), np.uint8), "lengths": np.array([len(part) for part in parts])}


def _unpacked(path: Path) -> Iterator[bytes]:
    arrays = read_arrays(path)
    ends = np.cumsum(arrays["lengths"])
    for start, end in zip(ends - arrays["lengths"], ends):
        yield arrays["bytes"][start:end].tobytes()


def _write_truth(path: Path, renderer: Renderer, script: LongScript) -> None:
    """As `long_truth` reads it; the motion of expressions, between onset and apex as labelled."""
    arrays, events = timeline_arrays(script) | {"gaze": script.gaze.astype(np.float32)}, []
    for number, event in enumerate(script.events):
        expressed = event.kind in LABELLED
        if expressed:
            motion = motion_arrays(renderer, *(script.state(frame) for frame in event.coded[:2]))
            arrays |= {motion_prefix(number) + name: values for name, values in motion.items()}
        described = {
            "kind": event.kind,
            "onset": event.onset + 1,
            "apex": event.apex + 1,
            "offset": event.offset + 1,
            "coded": [moment + 1 for moment in event.coded] if expressed else None,
            "action_units": event.action_units,
            "emotion": event.emotion,
        }
        events.append(described)
    save_arrays(path, arrays)
    write_json(events_path(path), {"fps": script.fps, "events": events})
