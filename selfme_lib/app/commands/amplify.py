"""Commands about amplified videos: `selfme amplify`, `selfme bench amplification`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from selfme_lib.runtime.errors import UsageError

from .output import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from selfme_lib.data.face_stream import FaceStream
    from selfme_lib.motion.video_amplification import Amplified


def amplify(
    out: Annotated[Path, typer.Option(help="Video to write; ends in .mp4.", show_default=False)],
    video: Annotated[Path | None, typer.Argument(help="Video file, or folder of frames.", show_default=False)] = None,
    gamma: Annotated[
        float, typer.Option(metavar="N", min=0, max=1_000, help="How many times as large motion becomes.")
    ] = 8.0,
    reference: Annotated[
        str, typer.Option(metavar="WHICH", help="Motion since when: first, mean (running), or a frame's number from 0.")
    ] = "first",
    band: Annotated[
        tuple[float, float] | None,
        typer.Option(metavar="LOW HIGH", help="Amplify only these frequencies, Hz.", show_default=False),
    ] = None,
    form: Annotated[
        Literal["plus", "printed", "lucas-kanade"],
        typer.Option(help="SelfME+, SelfME as the paper prints it, or Lucas and Kanade's closed form."),
    ] = "plus",
    size: Annotated[Literal["128", "256"], typer.Option(help="Side of the crop on which motion is found, px.")] = "128",
    face_only: Annotated[bool, typer.Option("--face-only", help="Show the stabilised face alone.")] = False,
    side_by_side: Annotated[bool, typer.Option("--side-by-side", help="Show the original on the left.")] = False,
    wipe: Annotated[
        bool, typer.Option("--wipe", help="A line that goes to and fro parts original and result.")
    ] = False,
    fps: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Frames per second: of a folder; of a video, instead of its own times.",
            show_default=False,
        ),
    ] = None,
    camera: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Instead of a video: this camera.", show_default=False)
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(metavar="N", min=0.1, help="Of a camera; default: until Ctrl-C.", show_default=False)
    ] = None,
) -> None:
    """Amplify the motion of the face in a video."""
    if (video is None) == (camera is None):
        raise UsageError("give either a video or --camera 0")
    if side_by_side and wipe:
        raise UsageError("give either --side-by-side or --wipe")
    if seconds is not None and camera is None:
        raise UsageError("--seconds: is of a --camera; leave it out")
    if reference not in ("first", "mean") and not reference.isdecimal():
        raise UsageError(f"--reference {reference}: expected first, mean or a frame's number, such as 12")
    if out.suffix.lower() != ".mp4":
        raise UsageError(f"--out {out}: expected a name that ends in .mp4")
    from selfme_lib.runtime.files import refuse_overwriting

    time = Stopwatch()
    refuse_overwriting([out], [video])
    from tqdm import tqdm

    from selfme_lib.data.face_stream import FaceStream
    from selfme_lib.data.recording import open_recording
    from selfme_lib.data.video_writer import has_pyav, write_video
    from selfme_lib.motion.video_amplification import amplify_video, motion_model

    source = camera if video is None else video
    assert source is not None, "one of the two is given"
    recording = open_recording(source, fps=fps, seconds=seconds)
    if band is not None:
        _check_band(band, recording.fps)
    stream = FaceStream(recording, int(size))
    amplified = amplify_video(
        stream,
        gamma=gamma,
        model=motion_model(form),
        reference=int(reference) if reference.isdecimal() else reference,  # type: ignore[arg-type]
        band=band,
    )
    shown = _pictures(amplified, stream, face_only=face_only, side_by_side=side_by_side, wipe=wipe)
    with tqdm(shown, total=recording.count, desc="amplify", unit="frame", disable=None) as bar:
        sound = recording if fps is None else None  # at another speed it does not fit
        count = write_video(out, iter(bar), recording.fps, sound=sound)
    for note in stream.notes:
        print(f"note: {note.line}", file=sys.stderr)
    if recording.has_sound and not (has_pyav() and sound):
        why = 'pip install "selfme[video]" keeps it' if sound else "at another speed it does not fit"
        print(f"note: without the sound of {recording.name}; {why}", file=sys.stderr)
    print(f"{out}: {count} frames, motion x {gamma:g}, in {time}", file=sys.stderr)


def _check_band(band: tuple[float, float], fps: float) -> None:
    """Before any work is done."""
    from selfme_lib.motion.video_amplification import BandPass

    BandPass(*band, fps)


def _pictures(
    amplified: "Iterator[Amplified]", stream: "FaceStream", *, face_only: bool, side_by_side: bool, wipe: bool
) -> "Iterator[tuple[float, np.ndarray]]":
    """What is shown of each frame, with its time."""
    import cv2
    import numpy as np

    from selfme_lib.data.alignment import crop_face

    side = min(max(stream.size, round(stream.face_side)), 512) // 2 * 2
    for one in amplified:
        before = crop_face(one.face.picture, one.face.matrix, side) if face_only else one.face.picture
        after = one.cropped(side) if face_only else one.in_place()
        if side_by_side:
            after = np.concatenate([before, after], axis=1)
        elif wipe:
            width = after.shape[1]
            line = round(width * abs(one.face.time / 2 % 2 - 1))  # from right to left and back within 4 s
            after = np.concatenate([before[:, :line], after[:, line:]], axis=1)
            cv2.line(after, (line, 0), (line, after.shape[0]), (255, 255, 255), 1)
        yield one.face.time, after
