"""Controls of an explorer: a `value` that Python sets and observes as the reader does; `front/controls.js` shows them."""

from collections.abc import Iterable, Sequence
from typing import Any

import traitlets

from selfme_lib.runtime.errors import UsageError


class Control(traitlets.HasTraits):
    """A labelled value.

    Attributes:
        label: before the control.
        value: what is chosen; `observe(function, names="value")` calls on every change.
    """

    value = traitlets.Any()

    def __init__(self, label: str):
        super().__init__()
        self.label = label

    def described(self) -> dict[str, Any]:
        """What the browser has to know, as JSON has it."""
        raise NotImplementedError

    def take(self, answer: Any) -> None:
        """Set the value from what the browser sends."""
        raise NotImplementedError


class Choice(Control):
    """One of several options: values, or pairs of a label and a value, as in ipywidgets.

    Attributes:
        options: a tuple of what was given; if `value` is no longer among them, the first one is chosen.
        kind: `menu` or `buttons`.

    Raises:
        traitlets.TraitError: the value is none of the options.
    """

    options: Any = traitlets.Tuple()

    def __init__(self, label: str, options: Iterable[Any], *, kind: str = "menu", value: Any = None):
        super().__init__(label)
        self.kind = kind
        self.options = tuple(options)
        if value is not None:
            self.value = value

    @property
    def values(self) -> list[Any]:
        return [one[1] if _is_pair(one) else one for one in self.options]

    @traitlets.validate("value")
    def _check(self, proposal: Any) -> Any:
        if proposal["value"] not in self.values:
            raise traitlets.TraitError(f"{self.label}: {proposal['value']!r} is none of {self.values}")
        return proposal["value"]

    @traitlets.observe("options")
    def _keep(self, _change: object) -> None:
        if self.values and self.value not in self.values:
            self.value = self.values[0]

    def described(self) -> dict[str, Any]:
        labels = [str(one[0] if _is_pair(one) else one) for one in self.options]
        return {"kind": self.kind, "label": self.label, "options": labels, "value": self.values.index(self.value)}

    def take(self, answer: Any) -> None:
        self.value = self.values[int(answer)]


class Slider(Control):
    """A number. It changes no other control, so the browser need not ask before it shows again what it has shown before.

    Attributes:
        min, max, step: of the value. A value beyond them is moved to the nearer end.
        digits: behind the point.
        play: offer a button that runs through the range.
        logarithmic: the slider moves the decimal logarithm; min and max are exponents, as in ipywidgets.
    """

    min = traitlets.Float()
    max = traitlets.Float()

    def __init__(
        self,
        label: str,
        value: float,
        low: float,
        high: float,
        *,
        step: float = 1,
        digits: int = 0,
        play: bool = False,
        logarithmic: bool = False,
    ):
        super().__init__(label)
        self.step, self.digits, self.play, self.logarithmic = step, digits, play, logarithmic
        self.min, self.max = low, high
        self.value = value

    @traitlets.validate("value")
    def _check(self, proposal: Any) -> Any:
        low, high = (10**self.min, 10**self.max) if self.logarithmic else (self.min, self.max)
        value = min(max(float(proposal["value"]), low), high)
        return value if self.digits or self.logarithmic else round(value)

    def limit(self, low: float, high: float, value: float) -> None:
        """Change range and value at once."""
        with self.hold_trait_notifications():
            self.min, self.max = low, high
            self.value = value

    def described(self) -> dict[str, Any]:
        return {
            "kind": "slider",
            "label": self.label,
            "low": self.min,
            "high": self.max,
            "step": self.step,
            "digits": self.digits,
            "value": self.value,
            "play": self.play,
            "logarithmic": self.logarithmic,
        }

    def take(self, answer: Any) -> None:
        self.value = float(answer)


class Switch(Control):
    """On or off, as two buttons."""

    def __init__(self, label: str, value: bool = False):
        super().__init__(label)
        self.value = value

    @traitlets.validate("value")
    def _check(self, proposal: Any) -> bool:
        return bool(proposal["value"])

    def described(self) -> dict[str, Any]:
        return {"kind": "buttons", "label": self.label, "options": ["off", "on"], "value": int(self.value)}

    def take(self, answer: Any) -> None:
        self.value = bool(int(answer))


class Words(Control):
    """A line of text; it counts when the reader has finished it."""

    def __init__(self, label: str, value: str = "", *, hint: str = ""):
        super().__init__(label)
        self.value, self.hint = value, hint

    def described(self) -> dict[str, Any]:
        return {"kind": "words", "label": self.label, "value": self.value, "hint": self.hint}

    def take(self, answer: Any) -> None:
        self.value = str(answer)


class File(Control):
    """A file of the reader's: its name and its content, or None; nothing is kept once another value is set.

    Attributes:
        accept: kinds of files that the browser offers, as HTML writes them.
    """

    def __init__(self, label: str, *, accept: str = ""):
        super().__init__(label)
        self.accept, self._parts = accept, [b""]

    def described(self) -> dict[str, Any]:
        return {"kind": "file", "label": self.label, "accept": self.accept, "value": ""}

    def receive(self, parts: Sequence[bytes], *, first: bool) -> None:
        """Keep some of the content until all has come."""
        self._parts = [*([] if first else self._parts), *parts]

    def take(self, answer: Any) -> None:
        content, self._parts = b"".join(self._parts), [b""]
        self.value = (str(answer), content)


def clip_menu(clips: Iterable[str]) -> Choice:
    """One of several clips.

    Raises:
        UsageError: there is no clip.
    """
    names = list(clips)
    if not names:
        raise UsageError("an explorer needs at least one clip, got none")
    return Choice("clip", names)


def _is_pair(option: Any) -> bool:
    return isinstance(option, tuple) and len(option) == 2
