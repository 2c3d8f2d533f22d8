"""What commands print for other programs."""

import json
from typing import Any


def print_json(value: Any) -> None:
    """JSON on standard output; not-a-number is an error, because JSON has no word for it."""
    print(json.dumps(value, indent=2, allow_nan=False))
