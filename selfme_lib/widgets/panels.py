"""What all explorers share: controls on top, below them titled pictures and a note that follow every change.

The browser's side is `front/panels.js`. It lays pictures out by the room there is, names them for those who cannot see them, and
asks for the next picture when it has shown the last, so a slider never lags behind. A widget lives only in a running notebook;
everywhere else (GitHub, PDF, the static site) a picture stands in for it: outputs carry one, and `static` gives it as a figure.

A key is one message there and one back. What it costs is kept low here: one thread (on a busy machine several wait for each
other), no picture is encoded twice in a row, and what was drawn is kept by the values of all controls. While an explorer plays,
the browser asks for several answers at once, before they are due.
"""

import base64
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import anywidget
import numpy as np
import traitlets
from matplotlib.figure import Figure

from selfme_lib.plots.montage import BAR, Picture, below, beside
from selfme_lib.runtime.device import one_thread
from selfme_lib.runtime.errors import DataError, UsageError

from .canvas import SIDE
from .controls import Control, File
from .drawn import Held, jpeg, twin
from .front import EXPLORERS, look, script

Panel = tuple[str, Picture]
"""A picture and its title, which is its description, too."""

KEPT = 256  # answers, of about 80 kB each: a clip that plays over and over is drawn once
CLIPS = 8  # whose frames and motion are kept


class Shown:
    """Something that is shown, as it is now: `value`."""

    def __init__(self, value: Callable[[], Any]):
        self._value = value

    @property
    def value(self) -> Any:
        return self._value()


class PanelExplorer(Held, anywidget.AnyWidget):
    """Rows of controls, rows of pictures, a note. A subclass makes its controls and draws their values in `render`.

    What `render` gives depends on these values alone, and is kept; a subclass where something else has changed calls `forget`.

    Args:
        rows: of controls, from the top; each is observed.
        title: what a screen reader calls the whole.

    Attributes:
        picture: `picture.value` is a JPEG of all pictures.
        note: `note.value` is a line or two of numbers that go with them: plain text, whatever a data set's labels hold.
    """

    _esm = script(EXPLORERS)
    _css = look()
    _title = traitlets.Unicode().tag(sync=True)
    _player = traitlets.Bool(False).tag(sync=True)
    _controls: Any = traitlets.List().tag(sync=True)
    _panels: Any = traitlets.List().tag(sync=True)
    _note = traitlets.Unicode().tag(sync=True)
    _share = traitlets.Float(allow_none=True, default_value=None).tag(sync=True)
    _drawn = traitlets.Int(0).tag(sync=True)
    _answered = traitlets.Int(0).tag(sync=True)
    _edition = traitlets.Int(0).tag(sync=True)
    _rows: tuple[Sequence[Control], ...] = ()

    def __init__(self, *rows: Sequence[Control], title: str):
        super().__init__()
        self._rows, self._title, self._asked = rows, title, 0
        self._answer = lru_cache(maxsize=KEPT)(self._answer_to)
        self._latest = lru_cache(maxsize=1)(self._render_for)
        self._encoded: dict[tuple[int, int], tuple[Picture, bytes]] = {}
        self.picture, self.note = Shown(lambda: jpeg(self._shown()[0])), Shown(lambda: self._shown()[1])
        for control in (control for row in rows for control in row):
            control.observe(self._draw)
        self.on_msg(self._receive)
        self._draw()

    def render(self) -> tuple[list[list[Panel]], str]:
        """Rows of pictures, and the note, for the present values of the controls."""
        raise NotImplementedError

    def static(self) -> Figure:
        """The static twin: pictures and note as they are now, as a figure."""
        return twin(self.picture.value, self.note.value)

    def forget(self) -> None:
        """Draw anew what has been drawn: something besides the controls has changed."""
        self._answer.cache_clear()
        self._latest.cache_clear()
        self._edition += 1

    def _draw(self, _change: object = None) -> None:
        if self._held:
            return
        panels, said = self._answer(values := self._present())
        self._values = values  # of what is shown
        names = [[f"{row}.{place}" for place in range(len(controls))] for row, controls in enumerate(self._rows)]
        with self.hold_sync():
            self._controls = [
                [control.described() | {"name": name} for control, name in zip(controls, some)]
                for controls, some in zip(self._rows, names)
            ]
            self._panels, self._note, self._share = panels, said, None
            self._drawn += 1
            self._answered = self._asked

    def _present(self) -> tuple[Any, ...]:
        """The values of all controls."""
        return tuple(control.value for row in self._rows for control in row)

    @one_thread()
    def _render_for(self, _values: tuple[Any, ...]) -> tuple[list[list[Panel]], str]:
        """What `render` gives for these values, which are those of the controls."""
        return self.render()

    def _answer_to(self, values: tuple[Any, ...]) -> tuple[list[list[dict[str, Any]]], str]:
        """What the browser is sent: pictures by row, and the note."""
        rows, said = self._latest(values)
        return [
            [
                {"title": title, "data": self._encode((at, place), one), "width": one.shape[1], "height": one.shape[0]}
                for place, (title, one) in enumerate(row)
            ]
            for at, row in enumerate(rows)
        ], said

    def _encode(self, place: tuple[int, int], picture: Picture) -> bytes:
        """A JPEG of the picture at this row and column; of one that has stayed as it was, the one of last time."""
        before = self._encoded.get(place)
        if before is None or not np.array_equal(before[0], picture):
            before = self._encoded[place] = picture, jpeg(picture)
        return before[1]

    def tell(self, doing: str, share: float) -> None:
        """Say what takes time while it does, with a bar: `share` of it is done."""
        with self.hold_sync():
            self._note, self._share = doing, min(max(share, 0.0), 1.0)

    def _shown(self) -> tuple[Picture, str]:
        """All pictures as one, and the note, as they are now."""
        rows, said = self._latest(self._values)
        return montage(rows), said

    def _receive(self, _widget: object, message: dict[str, Any], buffers: Any) -> None:
        """The browser has moved a control, asks for what comes next, or sends a part of a file."""
        row, place = map(int, message["to"].split("."))
        control = self._rows[row][place]
        if "first" in message:
            assert isinstance(control, File)
            return control.receive([bytes(one) for one in buffers], first=message["first"])
        if "ahead" in message:
            return self._answer_ahead(control, message["ahead"], message["ask"])
        self._asked += 1
        try:
            control.take(message["value"])
        except (DataError, UsageError) as error:
            with self.hold_sync():
                self._note, self._share, self._answered = str(error), None, self._asked
        finally:
            self._answered = self._asked  # if nothing was drawn, as the value is what it was
        return None

    def _answer_ahead(self, control: Control, values: Sequence[Any], ask: Any) -> None:
        """Send what there would be to see at other values of a control, in one message; each picture of it once."""
        present, pictures = control.value, dict[bytes, int]()
        answers: list[dict[str, Any]] = []
        with self.hold_picture():
            try:
                for value in values:
                    control.take(value)
                    panels, said = self._answer(self._present())
                    numbered = [
                        [one | {"data": pictures.setdefault(one["data"], len(pictures))} for one in row]
                        for row in panels
                    ]
                    answers.append({"panels": numbered, "note": said})
            except (DataError, UsageError) as error:
                self._note = str(error)
            finally:
                control.value = present
        self.send({"ask": ask, "answers": answers}, buffers=list(pictures))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget's own view, and the picture for readers that cannot show widgets."""
        bundle: Any = super()._repr_mimebundle_(**options)
        views, facts = bundle
        return {**views, "image/jpeg": base64.b64encode(self.picture.value).decode()}, facts


def montage(rows: Sequence[Sequence[Panel]]) -> Picture:
    """All pictures as one; white where there is none."""
    if not rows:
        return np.full((BAR, 2 * SIDE, 3), 255, np.uint8)
    return below([beside([picture for _, picture in row], [title for title, _ in row]) for row in rows])
