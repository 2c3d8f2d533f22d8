"""The frames of clips, decoded, cropped and at one size, kept on disk: one memory-mapped array per clip.

An entry is named by everything that determines it: the content of each frame's file, the size, whether faces are cropped,
and the code that does it. So nothing has to be deleted when a data set is repaired; stale entries are never found.
Entries appear whole or not at all, and processes that want the same one take turns.
"""

import hashlib
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
from tqdm import tqdm

from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.fingerprint import fingerprint
from selfme_lib.runtime.kept import is_sound, new_array, read_record, seal, write_record
from selfme_lib.runtime.locks import in_turn

from .alignment import crop_face, find_alignment
from .clips import Clip
from .faults import FaultyData
from .images import read_content, read_pixels, resize

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FrameCache:
    """A folder of aligned frames.

    Attributes:
        folder: made when needed.
        size: side of the square frames in px.
        grey: whether luminance replaces their colours.
    """

    folder: Path
    size: int
    grey: bool = False

    def with_aligned(self, clips: Sequence[Clip]) -> list[Clip]:
        """The same clips, recordings with the path of their aligned frames, which exist afterwards.

        Cropped clips do not change, unless they lose their colours.

        Frames in which no face was found are cropped like their neighbours; a warning names them, and clips that may have been
        stored sideways.

        Raises:
            DataError: a frame cannot be read, or no frame of a clip shows a face.
        """
        recordings = [clip for clip in clips if self._has_facts(clip)]
        paths = dict(zip((clip.key for clip in recordings), self.fill(recordings)))
        aligned = [replace(clip, aligned=paths[clip.key]) if clip.key in paths else clip for clip in clips]
        if without := [f"{clip.key}/{path.name}" for clip in aligned for path in frames_without_face(clip)]:
            named = ", ".join(without[:10]) + (", …" if len(without) > 10 else "")
            logger.warning("no face found in %d frames: %s", len(without), named)
        for clip in aligned:
            if doubt := _facts(clip)["doubt"]:
                logger.warning("%s: %s If so, turn its frames upright", clip.key, doubt)
        return aligned

    def fill(self, clips: Sequence[Clip]) -> list[Path]:
        """The file of each clip's frames: uint8 (n, size, size, 3) RGB, in the order of `clip.frames`.

        Recordings are aligned; cropped frames are resized.

        Raises:
            DataError: as `with_aligned`.
        """
        with ThreadPoolExecutor() as pool:
            return list(tqdm(pool.map(self._entry, clips), total=len(clips), desc="faces", unit="clip", disable=None))

    def _entry(self, clip: Clip) -> Path:
        path = self.folder / f"{self._key(clip)}.npy"
        with in_turn(path):
            if not is_sound(path) or (self._has_facts(clip) and not read_record(path.with_suffix(".json"))):
                self._write(clip, path)
        return path

    def _key(self, clip: Clip) -> str:
        frames = [(path.name, hashlib.sha256(read_content(path)).hexdigest()) for path in clip.frames]
        return fingerprint(code=__name__, size=self.size, grey=self.grey, cropped=clip.cropped, frames=frames)

    def _has_facts(self, clip: Clip) -> bool:
        return self.grey or not clip.cropped

    def _write(self, clip: Clip, path: Path) -> None:
        """Write the facts about the clip first, then the frames: an entry exists as soon as its frames do."""
        matrix, facts = None, {"clip": clip.key, "drift": 0.0, "without_face": [], "doubt": ""}
        if not clip.cropped:
            found = find_alignment(map(read_pixels, clip.frames))
            if found is None:
                remedy = "remove the clip's label, or crop the frames yourself and set data.align to false"
                raise FaultyData(clip.frames[0].parent, f"no face in any of its {len(clip.frames)} frames", remedy)
            matrix = found.matrix
            without = [clip.frames[place].name for place in found.without_face]
            facts |= {"drift": found.drift, "without_face": without, "doubt": found.doubt}
        if self._has_facts(clip):
            write_record(path.with_suffix(".json"), facts)
        with atomic_path(path) as temporary:
            shape = (len(clip.frames), self.size, self.size, 3)
            frames = new_array(temporary, shape)
            for place, pixels in enumerate(map(read_pixels, clip.frames)):
                face = resize(pixels, self.size) if matrix is None else crop_face(pixels, matrix, self.size)
                frames[place] = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)[..., None] if self.grey else face
            frames.flush()
            del frames  # closes the file, which some systems require before it is renamed
            seal(temporary, path.name)


def frames_without_face(clip: Clip) -> list[Path]:
    """The frames of an aligned clip in which no face was found."""
    names = set(_facts(clip)["without_face"])
    return [path for path in clip.frames if path.name in names]


def _facts(clip: Clip) -> dict[str, Any]:
    """What aligning has found out about a clip."""
    if clip.aligned is None:
        return {"without_face": [], "doubt": ""}
    facts = read_record(clip.aligned.with_suffix(".json"))
    if facts is None:
        raise FaultyData(clip.aligned, "no sound .json beside it", "delete the file and run the command again")
    return facts
