"""`selfme analyse`: from a recording to a page."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from selfme_lib.runtime.errors import UsageError

from .choices import folder
from .output import Stopwatch

LINES = 10  # of notes


def analyse(
    out: Annotated[Path, typer.Option(help="Folder of the page, events.json and events.csv.", show_default=False)],
    video: Annotated[
        Path | None, typer.Argument(help="A video, or a folder of frames (with --fps).", show_default=False)
    ] = None,
    camera: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, max=99, help="Number of a camera, instead of a video.", show_default=False),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(metavar="N", min=1, max=86_400, help="How long the camera is read.", show_default="until Ctrl-C"),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            metavar="N", help="Frames a second, if the recording does not say it, or wrongly.", show_default=False
        ),
    ] = None,
) -> None:
    """Find when and how a face moves in a recording.

    Last comes which expression that may be, or "cannot tell". The same command resumes.
    """
    if (video is None) == (camera is None):
        raise UsageError("give a video, a folder of frames, or --camera 0; one of them")
    if camera is None and seconds is not None:
        raise UsageError(f"--seconds {seconds:g}: is of a camera; leave it out")
    if camera is not None and fps is not None:
        raise UsageError(f"--fps {fps:g}: a camera says it itself; leave it out")
    folder("--out", out)
    time = Stopwatch()
    from selfme_lib.app.analysis_folder import analyse_into
    from selfme_lib.plots.analysis import counts_of

    source = camera if video is None else video
    assert source is not None
    analysis = analyse_into(out, source, fps=fps, seconds=seconds)
    lines = [line for line in (analysis.doubt, *(note.line for note in analysis.notes)) if line]
    for line in lines[:LINES]:
        print(f"note: {line}", file=sys.stderr)
    if len(lines) > LINES:
        print(f"note: {len(lines) - LINES} more on the page", file=sys.stderr)
    print(f"{out / 'index.html'}: {counts_of(analysis.events)}, in {time}", file=sys.stderr)
