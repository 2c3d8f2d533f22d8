"""The amplification explorer without Python: a page, or a script for a page, that holds frames, motions and what plays them.

Nothing is computed beforehand for each γ: a browser amplifies as the notebook's explorer does. A clip takes about 400 kB.
"""

import html
import json
from collections.abc import Mapping
from pathlib import Path

from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.files import atomic_path

from .amplification import FULL_COLOUR, LARGEST_GAMMA, START, VIEWS
from .front import LATER, PAGE, look, script
from .moving import MovingClip, pack
from .samples import Packed, load_samples, to_text

TITLE = "Amplify a micro-expression"
DOCUMENT = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
img-src data: blob:">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 1100px; margin: 1.5rem auto; padding: 0 0.8rem; font: 16px/1.5 system-ui, sans-serif; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #101114; color: #e9e9ec; }} }}
</style>
</head>
<body>
<h1>{title}</h1>
{explorer}
</body>
</html>
"""


def write_page(path: Path | str, clips: Mapping[str, MovingClip | Packed] | None = None, *, title: str = TITLE) -> Path:
    """Write a page of its own, which opens from a folder as from any server and loads nothing; returns its path.

    Args:
        clips: name → clip; by default the four people that come with the package.

    Raises:
        UsageError: there is no clip.
    """
    page = DOCUMENT.format(title=html.escape(title), explorer=fragment(clips, title=title))
    with atomic_path(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return Path(path)


def write_script(
    path: Path | str, clips: Mapping[str, MovingClip | Packed] | None = None, *, title: str = TITLE
) -> Path:
    """Write the explorer as a script, which fills every element of class `selfme-later` of a page; returns its path.

    A page can load it late, from a folder too, where browsers refuse to load modules and data.

    Args and errors: those of `write_page`.
    """
    look_and_clips = f"const LOOK = {json.dumps(look())};\nconst CONTENT = {_content(clips, title)};"
    with atomic_path(path) as temporary:
        temporary.write_text(f"(() => {{\n{look_and_clips}\n{script(LATER)}\n}})();\n", encoding="utf-8")
    return Path(path)


def fragment(clips: Mapping[str, MovingClip | Packed] | None = None, *, title: str = TITLE) -> str:
    """The explorer as HTML to put into a page: its style, its clips, its script."""
    return (
        f"<style>\n{look()}</style>\n"
        f'<script type="application/json" class="selfme-clips">{_content(clips, title)}</script>\n'
        f'<script type="module">\n{script(PAGE)}</script>'
    )


def _content(clips: Mapping[str, MovingClip | Packed] | None, title: str) -> str:
    """Clips and settings, as JSON that can stand in a page."""
    packed = load_samples() if clips is None else {name: _packed(clip) for name, clip in clips.items()}
    if not packed:
        raise UsageError("an explorer needs at least one clip, got none")
    start = {"clip": next(iter(packed)), "gamma": START, "view": VIEWS[0], "how": "spline"}
    content = {"title": title, "largest": LARGEST_GAMMA, "fullColour": FULL_COLOUR, "start": start}
    content |= {"clips": {name: to_text(one) for name, one in packed.items()}}
    return json.dumps(content).replace("<", "\\u003c")  # no name can end the script


def _packed(clip: MovingClip | Packed) -> Packed:
    return pack(clip) if isinstance(clip, MovingClip) else clip
