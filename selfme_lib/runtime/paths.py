"""Where this project's own files lie: the only module that knows its place in the tree.

`PROJECT` and what lies beside the package exist in a clone alone; an installed package has neither notebooks nor profiles.
"""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
PROJECT = PACKAGE.parent
NOTEBOOKS = PROJECT / "notebooks"
PROFILES = NOTEBOOKS / "profiles"
DATA = PROJECT / "data"  # rendered people, frames and faces that were cut out
