"""The folder of `selfme analyse`: `events.json`, `events.csv`, `index.html`, and what lets a run that was killed go on.

Motion lies in a file whose name tells recording, weights and code, so what has changed is measured again. `analysis.json` says
whose analysis the folder holds; it is written before any result.
"""

import csv
import hashlib
from pathlib import Path
from typing import Any

import cv2

from selfme_lib.data.faults import printable
from selfme_lib.data.recording import Recording, open_recording
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import atomic_path, write_json
from selfme_lib.runtime.kept import read_record, write_record
from selfme_lib.runtime.locks import in_use
from selfme_lib.spotting.analysis import Analysis, Tools, analyse_recording, content_of, shipped_tools

from .analysis_page import render
from .face_film import FaceFilm

RECORD, STORED, FILM = "analysis.json", "recording.mkv", ".film.mkv"
MOMENTS = ("onset", "apex", "offset", "onset_s", "apex_s", "offset_s", "kind", "score", "label")


def analyse_into(
    out: Path,
    source: Path | int,
    *,
    fps: float | None = None,
    seconds: float | None = None,
    tools: Tools | None = None,
    progress: bool = True,
) -> Analysis:
    """Analyse a recording and write everything into a folder. The same call goes on after a kill.

    Args:
        out: a new folder, or that of an earlier analysis of the same recording.
        source: a video, a folder of frames, or the number of a camera, whose frames are stored first.
        fps: frames a second: of a folder, which has no times, or instead of a file's own.
        seconds: how long a camera is read; by default until Ctrl-C.
        tools: by default those that come with the package.
        progress: bars on standard error, if that is a terminal.

    Raises:
        DataError: the recording cannot be read or shows no face, or another process uses the folder.
        UsageError: the folder holds something else, or `source` is a folder without `fps`.
    """
    _refuse_others(out)
    with in_use(out):
        place = _stored(out, source, seconds) if isinstance(source, int) else source
        recording = open_recording(place, fps=fps)
        told = _told(recording)
        _refuse_another(out, told)
        tools = tools or shipped_tools()
        length = None if recording.count is None else recording.count / recording.fps
        film = FaceFilm(out / FILM, recording.fps, length)
        analysis = analyse_recording(recording, tools, kept=out, watch=film.add, progress=progress)
        page = render(analysis, tools.recogniser.models, film.content(), film.rate)
        write_record(out / RECORD, told)
        write_json(out / "events.json", [event.plain for event in analysis.events])
        _write_csv(out / "events.csv", analysis, tools)
        with atomic_path(out / "index.html") as temporary:
            temporary.write_text(page, encoding="utf-8")
    return analysis


def _refuse_others(out: Path) -> None:
    """Refuse a folder with anything in it that no analysis has written."""
    if not out.is_dir() or (out / RECORD).is_file():
        return
    ours = (STORED, RECORD)
    found = [path.name for path in sorted(out.iterdir())]
    others = [name for name in found if not name.startswith((".", "motion-")) and name not in ours]
    if others:
        raise UsageError(printable(f"{out}: holds something else ({others[0]}); give a new folder"))


def _refuse_another(out: Path, told: dict[str, str]) -> None:
    """Refuse a folder with the analysis of another recording; the same one may have changed its content or its place."""
    before = read_record(out / RECORD)
    if before and all(before.get(name) != told[name] for name in ("place", "content")):
        raise UsageError(printable(f"{out}: holds the analysis of {before.get('name')}; give a new folder"))


def _told(recording: Recording) -> dict[str, str]:
    """What `analysis.json` says of a recording; its place is hashed, because the folder may be passed on."""
    path = recording.path or Path()
    place = hashlib.sha256(str(path.resolve()).encode(errors="surrogateescape")).hexdigest()[:16]
    return {"name": printable(path.resolve().name), "place": place, "content": content_of(recording)}


def _stored(out: Path, number: int, seconds: float | None) -> Path:
    """The file with a camera's frames, without loss and at its usual rate: a frame that comes late stands for those before."""
    path = out / STORED
    if (out / RECORD).is_file():
        raise UsageError(f"{out}: holds an analysis; give a new folder for what the camera shows now")
    if path.is_file():
        return path  # of a run that was ended before it was analysed
    live = open_recording(number, seconds=seconds)
    with atomic_path(path) as temporary:
        codec = cv2.VideoWriter.fourcc(*"FFV1")
        writer = cv2.VideoWriter(str(temporary), cv2.CAP_FFMPEG, codec, live.fps, (live.width, live.height))
        count = 0
        for frame in live:
            while count <= round(frame.time * live.fps):
                writer.write(frame.pixels[..., ::-1])
                count += 1
        writer.release()
        if not count:
            raise DataError(f"{live.name}: showed nothing; give it more --seconds")
    return path


def _write_csv(path: Path, analysis: Analysis, tools: Tools) -> None:
    """A row for each event, with a column for each unit and class; an empty label is "cannot tell"."""
    models = tools.recogniser.models
    units, classes = (
        {f"{kind}_{name}": name for name in names} for kind, names in (("unit", models.units), ("p", models.classes))
    )
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*MOMENTS, *units, *classes])
        writer.writeheader()
        for event in analysis.events:
            row: dict[str, Any] = {name: event.plain[name] for name in MOMENTS}
            row |= {column: event.units.get(name, "") for column, name in units.items()}
            writer.writerow(row | {column: event.probabilities.get(name, "") for column, name in classes.items()})
