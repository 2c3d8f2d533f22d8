"""What all explorers share: controls on top, below them a picture and a note that follow every change.

A widget lives in a notebook that runs. For every other place (GitHub, PDF, the static site) it has a static twin: its
outputs carry the picture beside the widget, and `static` gives it as a figure.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import ipywidgets
import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from selfme_lib.plots.style import SOFT, WIDTH

LABEL = {"description_width": "90px"}


class Explorer(ipywidgets.VBox):
    """Rows of controls, a picture, a note. A subclass tells by `look` what its controls mean.

    Exceptions in a callback are swallowed by papermill: after setting a control, look at `picture` and `note`.

    Args:
        rows: of controls, from the top; each control is observed.

    Attributes:
        picture: a JPEG, drawn anew whenever a control changes.
        note: a line or two of numbers that belong to it.
    """

    _held = False

    def __init__(self, *rows: list[ipywidgets.Widget]):
        self.picture = ipywidgets.Image(format="jpeg", layout={"max_width": "100%", "align_self": "flex-start"})
        self.note = ipywidgets.HTML()
        for control in (control for row in rows for control in row):
            control.observe(self._draw, names="value")
        self._draw()
        boxes = [ipywidgets.HBox(row, layout={"flex_flow": "row wrap"}) for row in rows]
        super().__init__([*boxes, self.picture, self.note])

    def look(self) -> tuple[UInt8[np.ndarray, "H W 3"], str]:
        """Picture and note for the present values of the controls."""
        raise NotImplementedError

    @contextmanager
    def hold_picture(self) -> Iterator[None]:
        """Controls that depend on another one may be changed in here; the picture is drawn once, for the other one."""
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def static(self) -> Figure:
        """The static twin: picture and note as they are now, as a figure."""
        picture = cv2.imdecode(np.frombuffer(self.picture.value, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        height = WIDTH * picture.shape[0] / picture.shape[1]
        figure = Figure(figsize=(WIDTH, height + 0.35), layout="constrained")
        ax = figure.subplots()
        ax.imshow(picture, interpolation="antialiased")
        ax.set_axis_off()
        lines = self.note.value.replace("<br>", "\n")
        figure.supxlabel(lines, fontsize=8, color=SOFT, x=0.01, ha="left")
        return figure

    def _draw(self, _change: object = None) -> None:
        if self._held:
            return
        picture, note = self.look()
        self.picture.value = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
        self.note.value = note

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget's own view, and the picture for readers that know no widgets."""
        views = super()._repr_mimebundle_(**options)
        return {**views, "image/jpeg": base64.b64encode(self.picture.value).decode()}
