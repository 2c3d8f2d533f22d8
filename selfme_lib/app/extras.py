"""Parts of the project that a plain `pip install selfme` leaves out."""

from collections.abc import Iterator
from contextlib import contextmanager

from selfme_lib.runtime.errors import UsageError


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Around imports: a package that is missing becomes one line that names the extra which brings it.

    Raises:
        UsageError: something imported inside is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("selfme_lib"):
            raise
        raise UsageError(f'{error.name} is not installed; pip install "selfme[{name}]" brings it') from None
