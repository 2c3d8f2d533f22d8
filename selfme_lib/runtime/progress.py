"""Progress bars in a notebook that somebody runs by hand.

All bars here are tqdm's with `disable=None`: silent wherever standard error is no terminal, and so in every notebook. The modules
that compute are part of the names under which results are kept; so tqdm itself is told what to do in a notebook, and not they.
"""

import functools
import sys
from typing import Any

from tqdm import tqdm

PATIENCE = 2.0  # seconds that may pass without a word


def show_bars() -> bool:
    """From now on, show what takes longer than `PATIENCE`, with the time left, until it is done; returns whether it will.

    Nothing happens where nobody watches (papermill, nbclient, Voilà, a plain Python), so that no output of a run holds a bar.
    """
    if not by_hand():
        return False
    begin: Any = tqdm.__init__
    if getattr(begin, "in_notebook", False):
        return True

    @functools.wraps(begin)
    def shown(bar: Any, *arguments: Any, **options: Any) -> None:
        if options.get("disable", False) is None and options.get("file") is None:
            options |= {"disable": False, "file": sys.stdout, "delay": PATIENCE, "leave": False, "ncols": 90}
        begin(bar, *arguments, **options)

    shown.in_notebook = True  # type: ignore[attr-defined]
    tqdm.__init__ = shown  # type: ignore[method-assign, assignment]
    return True


def by_hand() -> bool:
    """Whether this is a Jupyter kernel whose present cell was sent by a person: only then may it ask for input."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    request = kernel.get_parent("shell") if kernel is not None else {}
    return bool(request.get("content", {}).get("allow_stdin"))
