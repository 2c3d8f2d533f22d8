"""Commands that make something to look at in a browser, or to hand out."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from selfme_lib.app.extras import extra
from selfme_lib.runtime.errors import UsageError

from .choices import folder
from .output import Stopwatch


def explore(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="A video of a face, or two pictures or more, the onset first.", metavar="FILE", show_default=False
        ),
    ] = None,
    dataset: Annotated[
        Literal["synthme", "casme2", "smic", "samm", "casme3", "mmew", "4dme", "folder", "composite"],
        typer.Option(help="Whose clips, if --root is given."),
    ] = "synthme",
    root: Annotated[
        Path | None, typer.Option(help="Folder of your own data; default: rendered people.", show_default=False)
    ] = None,
    port: Annotated[int, typer.Option(metavar="N", min=1, max=65535, help="On this machine.")] = 8866,
    browser: Annotated[bool, typer.Option(help="Open the page in your browser.")] = True,
) -> None:
    """Play a micro-expression amplified, in your browser. Ctrl-C ends it."""
    with extra("notebooks"):
        from selfme_lib.app import explorer

    if files and root is not None:
        raise UsageError("FILE and --root: give one of them")
    if files:
        from selfme_lib.widgets.own import take_of_files

        take_of_files(files)  # what is wrong is said here
    elif root is not None:
        from selfme_lib.data import load_clips

        load_clips(dataset, root, apex_rule=explorer.apex_rule(dataset))  # what is wrong is said here
    elif dataset != "synthme":
        raise UsageError(f"{dataset} does not come with this project: say where it is with --root DIR")
    if code := explorer.serve(explorer.notebook_of(dataset, root, files or ()), port=port, browser=browser):
        raise UsageError(f"--port {port}: the server could not start (exit code {code}); try another port")


def site(
    out: Annotated[Path, typer.Argument(help="Folder of the pages.", show_default=False)],
    run: Annotated[
        Path | None,
        typer.Option(help="Show this run's notebooks and report; default: as published.", show_default=False),
    ] = None,
) -> None:
    """Write the notebooks and the API as web pages. They need no server."""
    with extra("docs"):
        from selfme_lib.app.site import write_site
    from selfme_lib.study.run_folder import RunFolder

    folder("OUT", out)
    time = Stopwatch()
    front = write_site(out, None if run is None else RunFolder(run))
    print(f"{front}: {sum(1 for _ in out.rglob('*.html'))} pages, in {time}", file=sys.stderr)
