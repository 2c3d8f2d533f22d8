"""What is wrong with a data set: each problem as a `Fault`, which reads as one line of an error message or a row of a table."""

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from selfme_lib.runtime.errors import DataError

Severity = Literal["error", "note"]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong (`"error"`) or worth knowing (`"note"`), where it is, and what to do about it."""

    severity: Severity
    file: Path
    problem: str
    remedy: str
    row: int | None = None  # as Excel counts: the first row is 1

    @property
    def line(self) -> str:
        """Where it is, what is wrong and what to do, as an error message shows it."""
        where = f"{self.file}" if self.row is None else f"{self.file}, row {self.row}"
        return printable(f"{where}: {self.problem}; {self.remedy}")


class FaultyData(DataError):
    """A `DataError` that keeps its `Fault`, so that the doctor can list it among the others."""

    def __init__(self, file: Path, problem: str, remedy: str, row: int | None = None):
        super().__init__(file, problem, remedy, row)  # what pickle passes to the constructor in another process
        self.fault = Fault("error", file, problem, remedy, row)

    def __str__(self) -> str:
        return self.fault.line


def unreadable(path: Path, error: OSError, expected: str = "a file") -> FaultyData:
    """What the operating system's refusal to read `path` means to the user; `expected` is what should be there."""
    if isinstance(error, FileNotFoundError):
        return FaultyData(path, "no such file", "check its name")
    if isinstance(error, IsADirectoryError):
        return FaultyData(path, f"a folder where {expected} should be", "give one of its files")
    return FaultyData(path, f"cannot be read ({error.strerror})", "check its permissions, or copy it again")


def check_file(path: Path, expected: str = "a file") -> int:
    """The length of a plain file in bytes.

    Raises:
        DataError: nothing is there, or a folder, a pipe or a device, which would block or never end.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise unreadable(path, error, expected) from None
    if stat.S_ISDIR(found.st_mode):
        raise unreadable(path, IsADirectoryError(), expected)
    if not stat.S_ISREG(found.st_mode):
        raise FaultyData(path, f"a pipe or a device where {expected} should be", "put a plain file there")
    return found.st_size


def errors_first(faults: Iterable[Fault]) -> list[Fault]:
    """Errors, then notes, otherwise in the given order."""
    return sorted(faults, key=lambda fault: fault.severity != "error")


def printable(text: str) -> str:
    """`text` on one line that any terminal can print: archives bring file names in any encoding."""
    return " ".join(text.splitlines()).encode(errors="replace").decode()
