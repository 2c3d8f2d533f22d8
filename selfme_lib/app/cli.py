"""The `selfme` command.

Standard output carries results: JSON and nothing else where JSON is asked for. Words for people go to standard error. Exit
codes: 0 success, 1 something is wrong with the user's data, 2 wrong usage. A failure that the user can fix is one line: which
file, what is wrong, what to do. `selfme --help` takes a third of a second because each command imports what only it needs,
and because help is plain text: `rich` takes longer to import than everything else together.
"""

import gc
import sys
from typing import Annotated

import typer

from selfme_lib.runtime.errors import DataError, UsageError

from .commands import bench, datasets, motion, pages, runs

app = typer.Typer(
    name="selfme",
    help="SelfME (CVPR 2023) reproduced: learned motion for micro-expression recognition.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)
measure = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Measure methods against known truth.")
app.add_typer(measure, name="bench")


def main() -> None:
    """Entry point: run the command line and exit with its code."""
    code = run(sys.argv[1:])
    gc.freeze()  # on its way out Python would search everything that PyTorch made for garbage, thrice
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit code. Failures that the user can fix become one line."""
    try:
        code = app(arguments, prog_name="selfme", standalone_mode=False)
    except DataError as error:
        return _complain(error, 1)
    except UsageError as error:
        return _complain(error, 2)
    except typer.TyperException as error:  # wrong options; a call without a command has shown its help already
        return _complain(error.format_message(), error.exit_code)
    except BrokenPipeError:  # whoever read our output has seen enough
        return 1
    except OSError as error:  # a folder that cannot be written to, a full disk
        place = error.filename or "writing failed"
        return _complain(f"{place}: {error.strerror}; give a place that can be written to and has room", 1)
    except ValueError as error:
        from pydantic import ValidationError

        if not isinstance(error, ValidationError):
            raise
        from selfme_lib.runtime.settings import one_line

        return _complain(one_line(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    return code if isinstance(code, int) else 0


def _complain(message: object, code: int) -> int:
    line = " ".join(str(message).split())
    if line:
        print(f"selfme: {line}", file=sys.stderr)
    return code


def _show_version(wanted: bool) -> bool:
    if wanted:
        from importlib.metadata import version

        print(f"selfme {version('selfme')}")
        raise typer.Exit
    return wanted


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None: ...


for command in (
    datasets.synth,
    datasets.doctor,
    datasets.align,
    runs.reproduce,
    runs.sweep,
    motion.motion,
    motion.pretrain,
    pages.explore,
    pages.student,
    pages.site,
    runs.verify,
    runs.score,
    runs.report,
):  # in the order of the help
    app.command()(command)
measure.command(name="motion")(bench.bench_motion)
measure.command(name="train")(bench.bench_train)


if __name__ == "__main__":
    main()
