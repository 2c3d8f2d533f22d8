"""The `selfme` command.

Standard output carries results: JSON and nothing else where JSON is asked for. Words for people go to standard error. Exit
codes: 0 success, 1 something is wrong with the user's data, 2 wrong usage. A failure that the user can fix is one line: which
file, what is wrong, what to do. `selfme --help` takes a third of a second because each command imports what only it needs,
and because help is plain text: `rich` takes longer to import than everything else together.
"""

import codecs
import errno
import gc
import io
import os
import sys
from typing import Annotated

import typer
from typer.core import TyperCommand

from selfme_lib.runtime.errors import DataError, UsageError

from .commands import amplify, analyse, bench, bench_video, datasets, motion, pages, runs, teaching

WRITABLE = "give a place that can be written to"
PLAIN = {
    "…": "...",
    "–": "-",
    "—": "-",
    "³": "3",
    "×": "x",
    "±": "+/-",
    "°": " deg",
    "γ": "gamma",
    "ω": "omega",
    "τ": "tau",
}


class _Command(TyperCommand):
    """A command whose usage leaves out hidden arguments."""

    def collect_usage_pieces(self, ctx):
        shown = (one for one in self.get_params(ctx) if not getattr(one, "hidden", False))
        return [self.options_metavar, *(piece for one in shown for piece in one.get_usage_pieces(ctx))]


app = typer.Typer(
    name="selfme",
    help="SelfME (CVPR 2023) reproduced: learned motion for micro-expression recognition.",
    epilog="Example: selfme explore",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)
measure = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Measure methods against known truth.",
    epilog="Example: selfme bench motion --world home --subjects 4 --nuisances none",
)
app.add_typer(measure, name="bench")


def main() -> None:
    """Entry point: run the command line and exit with its code."""
    codecs.register_error("plainly", _plainly)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plainly")
    code = run(sys.argv[1:])
    gc.freeze()  # on its way out Python would search everything that PyTorch made for garbage, thrice
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit code. Failures that the user can fix become one line."""
    os.environ.pop("MPLBACKEND", None)  # no command opens a window, and a notebook's backend need not be installed here
    os.environ.setdefault(
        "OPENCV_LOG_LEVEL", "OFF"
    )  # it would print lines of its own about damage that is reported here
    try:
        code = app(arguments, prog_name="selfme", standalone_mode=False)
    except DataError as error:
        return _complain(error, 1)
    except UsageError as error:
        return _complain(error, 2)
    except typer.TyperException as error:  # wrong options; a call without a command has shown its help already
        from .wrong_calls import explain

        return _complain(explain(error), error.exit_code)
    except BrokenPipeError:  # whoever read our output has seen enough
        return 1
    except OSError as error:  # a folder that cannot be written to, a full disk
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "make room and give the same command again: what was finished is kept" if full else WRITABLE
        return _complain(f"{error.filename or 'writing failed'}: {error.strerror or error}; {remedy}", 1)
    except ValueError as error:
        from pydantic import ValidationError

        if not isinstance(error, ValidationError):
            raise
        from selfme_lib.runtime.settings import one_line

        return _complain(one_line(error), 2)
    except ImportError as error:
        if error.name != "cv2" and "libGL" not in str(error):
            raise
        return _complain(
            f"cv2 cannot be imported ({error}); pip install opencv-contrib-python-headless in its place", 1
        )
    except (KeyboardInterrupt, typer.Abort):
        return 130
    return code if isinstance(code, int) else 0


def _complain(message: object, code: int) -> int:
    line = " ".join(str(message).split())
    if line:
        print(f"selfme: {line}", file=sys.stderr)
    return code


def _plainly(error: UnicodeError) -> tuple[str, int]:
    """Say in plain letters what the terminal's encoding does not have, such as "…" in a Western European one of Windows."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    plain = "".join(PLAIN.get(letter) or ascii(letter)[1:-1] for letter in text)
    return plain, error.end


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


for command, example in (  # in the order of the help
    (datasets.synth, "selfme synth people --subjects 4 --clips 3"),
    (datasets.doctor, "selfme doctor --dataset casme2 --root DIR"),
    (datasets.align, "selfme align recordings faces --size 224"),
    (runs.reproduce, "selfme reproduce --profile smoke --only 00 03 --out runs/try"),
    (runs.sweep, "selfme sweep notebooks/05_loso_evaluation.ipynb notebooks/grids/table_1.yaml --out runs/table_1"),
    (analyse.analyse, "selfme analyse me.mp4 --out analysis"),
    (motion.motion, "selfme motion onset.png apex.png --out flow.npy --gamma 2 --png flow.png"),
    (datasets.features, "selfme features pictures --dataset casme2 --root DIR --method tvl1"),
    (motion.pretrain, "selfme pretrain runs/plus --form plus --world home --persons 632"),
    (amplify.amplify, "selfme amplify me.mp4 --gamma 8 --out large.mp4 --side-by-side"),
    (pages.explore, "selfme explore --dataset casme2 --root DIR"),
    (teaching.student, "selfme student 00 02 03 course"),
    (teaching.slides, "selfme slides notebooks/02_motion_learning.ipynb slides.html"),
    (teaching.quiz, "selfme quiz 02 quiz.html"),
    (pages.site, "selfme site site --run runs/quick"),
    (runs.verify, "selfme verify runs/verify"),
    (runs.score, "selfme score predictions.csv --classes 5"),
    (runs.report, "selfme report runs/quick --against runs/gpu"),
):
    app.command(cls=_Command, epilog=f"Example: {example}")(command)
for benchmark, name, example in (
    (bench.bench_motion, "motion", "selfme bench motion --world home --subjects 4 --nuisances none"),
    (bench.bench_recognition, "recognition", "selfme bench recognition --people 6 --protocol loso --rows linear"),
    (bench_video.bench_spotting, "spotting", "selfme bench spotting --root DIR --methods difference"),
    (bench_video.bench_apex, "apex", "selfme bench apex --root DIR"),
    (bench_video.bench_amplification, "amplification", "selfme bench amplification --people 2"),
    (bench.bench_tune, "tune", "selfme bench tune --out runs/tuning --methods tvl1"),
    (bench.bench_train, "train", "selfme bench train --profile smoke --workers 1"),
    (bench.bench_synth, "synth", "selfme bench synth --people 1 --pairs 0"),
    (bench.bench_difficulty, "difficulty", "selfme bench difficulty --people 4 --nuisances none"),
):
    measure.command(name=name, epilog=f"Example: {example}")(benchmark)


if __name__ == "__main__":
    main()
