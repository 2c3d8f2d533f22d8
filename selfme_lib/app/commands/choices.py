"""What a command line names, checked: one of several, some of several, a folder. What is wrong is said with what was meant."""

from collections.abc import Iterable
from pathlib import Path

from selfme_lib.runtime.errors import UsageError

FILES = (
    ".avi",
    ".csv",
    ".gif",
    ".html",
    ".ipynb",
    ".json",
    ".md",
    ".mp4",
    ".npy",
    ".pdf",
    ".png",
    ".txt",
    ".yaml",
    ".zip",
)


def one_of(option: str, name: str, known: Iterable[str]) -> str:
    """The name, if it is known.

    Raises:
        UsageError: it is not; the message suggests one that is.
    """
    if name not in (some := list(known)):
        from selfme_lib.runtime.settings import did_you_mean

        raise UsageError(f"{option} {name}: unknown{did_you_mean(name, some)}")
    return name


def some_of(option: str, text: str, known: Iterable[str], **sets: Iterable[str]) -> list[str]:
    """Names separated by commas, or those of a set, such as `all`.

    Raises:
        UsageError: one of them is unknown.
    """
    if text in sets:
        return list(sets[text])
    some = list(known)
    return [one_of(option, name.strip(), [*some, *sets]) for name in text.split(",")]


def folder(option: str, path: Path | None) -> None:
    """Refuse the name of a file where a folder is to be made.

    Raises:
        UsageError: the name ends as a file's does.
    """
    if path is not None and path.suffix.lower() in FILES and not path.exists():
        raise UsageError(f"{option} {path}: is a folder with several files in it; leave out {path.suffix}")
