"""What the chapters' pictures and tables are called: titles, captions and descriptions, one YAML file a chapter.

    notebooks/captions/02_motion_learning.yaml
        02_from_scratch:
          title: The first {steps} steps from random weights
          caption: Losses while a fresh network learns.
          alt: Training curves of three losses.

What stands in braces is filled in by the notebook: `run.show("02_from_scratch", figure, steps=steps)`.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import read_yaml
from selfme_lib.runtime.paths import CLONE, NOTEBOOKS
from selfme_lib.runtime.settings import STRICT, did_you_mean, from_plain

Place = Literal["headline", "chapter", "paper"]
FOLDER = "captions"


@dataclass(frozen=True, config=STRICT)
class Caption:
    """What is said about a figure, a table or values.

    Attributes:
        title: one line above it; empty for what goes into no report, such as a widget.
        caption: what the reader should see in it, and what it does not prove.
        alt: what is in the picture, for those who cannot see it.
        place: `headline` shows it at the top of the report, `paper` in the chapter that sets the paper beside ours, `chapter`
            under its notebook.
        digits: of a table's numbers in the notebook.
        dpi: of a figure.
    """

    title: str = ""
    caption: str = ""
    alt: str = ""
    place: Place = "chapter"
    digits: Annotated[int, Field(ge=0, le=9)] = 3
    dpi: Annotated[int, Field(ge=30, le=400)] = 110


def captions_file(number: str) -> Path:
    """The captions of a chapter (`05`, `A1`): beside the notebook that is running, or else the project's.

    Raises:
        DataError: there is no such file.
    """
    for folder in (Path.cwd() / FOLDER, NOTEBOOKS / FOLDER):
        if found := sorted(folder.glob(f"{number}_*.yaml")):
            return found[0]
    raise DataError(f"{FOLDER}/{number}_….yaml: no captions for this chapter beside the notebook; {CLONE}")


def caption_of(name: str, /, **values: Any) -> Caption:
    """The caption of a result.

    Args:
        name: chapter and a short name, `05_scores`.
        values: for what stands in braces.

    Raises:
        DataError: there is no file for the chapter.
        UsageError: the file does not have the name, has a key that captions do not have, or asks for another value.
    """
    path = captions_file(name[:2])
    known = read_yaml(path)
    if name not in known:
        raise UsageError(f"{path}: no caption {name}{did_you_mean(name, list(known))}")
    caption = from_plain(Caption, known[name], where=f"{path}: {name}")
    try:
        filled = {part: getattr(caption, part).format(**values) for part in ("title", "caption", "alt")}
    except (LookupError, ValueError) as error:
        raise UsageError(f"{path}: {name}: {{{error}}} is not among the values given ({', '.join(values)})") from None
    return replace(caption, **filled)
