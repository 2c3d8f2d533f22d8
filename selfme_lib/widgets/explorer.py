"""An explorer with controls of ipywidgets, such as the upload of a file; all others share `panels`.

Controls on top, below them a picture and a note that follow every change.

A widget lives only in a running notebook. Everywhere else (GitHub, PDF, the static site) a picture stands in for it: outputs
carry one beside the widget, and `static` gives picture and note as a figure. `ipywidgets.interactive` offers neither.
"""

import base64
import html
from collections.abc import Iterable
from typing import Any

import ipywidgets
from matplotlib.figure import Figure

from selfme_lib.plots.montage import Picture

from .drawn import Held, jpeg, twin

LABEL = {"description_width": "90px"}


def menu(label: str, options: Iterable[Any], **more: Any) -> ipywidgets.Dropdown:
    """One of many options; at first the first one, unless `value` is given."""
    return ipywidgets.Dropdown(options=list(options), description=label, style=LABEL, **more)


class Explorer(Held, ipywidgets.VBox):
    """Rows of controls, a picture, a note. A subclass makes its controls and draws their values in `render`.

    Papermill swallows exceptions in callbacks: after setting a control, look at `picture` and `note`.

    Args:
        rows: of controls, from the top; each control is observed.

    Attributes:
        picture: a JPEG, drawn again whenever a control changes.
        note: a line or two of numbers that go with it. Names and labels from a data set may stand in it, so it shows every
            character as it is.
    """

    _said = ""

    def __init__(self, *rows: list[ipywidgets.Widget]):
        self.picture = ipywidgets.Image(format="jpeg", layout={"max_width": "100%", "align_self": "flex-start"})
        self.note = ipywidgets.HTML()
        for control in (control for row in rows for control in row):
            control.observe(self._draw, names="value")
        self._draw()
        boxes = [ipywidgets.HBox(row, layout={"flex_flow": "row wrap"}) for row in rows]
        super().__init__([*boxes, self.picture, self.note])

    def render(self) -> tuple[Picture, str]:
        """Picture and note (plain text) for the present values of the controls."""
        raise NotImplementedError

    def static(self) -> Figure:
        """The static twin: picture and note as they are now, as a figure."""
        return twin(bytes(self.picture.value), self._said)

    def _draw(self, _change: object = None) -> None:
        if self._held:
            return
        picture, self._said = self.render()
        self.picture.value = jpeg(picture)
        self.note.value = html.escape(self._said, quote=False).replace("\n", "<br>")

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The widget's own view, and the picture for readers that cannot show widgets."""
        views = super()._repr_mimebundle_(**options)
        return {**views, "image/jpeg": base64.b64encode(self.picture.value).decode()}
