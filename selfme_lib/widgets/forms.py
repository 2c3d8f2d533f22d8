r"""The three forms of motion beside each other, through one clip after another: what each sees, and what it makes up."""

from collections.abc import Mapping
from functools import lru_cache

from jaxtyping import Float
from torch import Tensor

from selfme_lib.grids import Flow, end_point_error
from selfme_lib.motion.forms import FORMS, TITLES, Form, FormOfMotion, motion_by
from selfme_lib.plots.montage import enlarge

from .amplification import FULL_COLOUR, VIEWS, OnsetApex, draw_view
from .canvas import SIDE, wheel
from .controls import Choice, Slider, clip_menu
from .panels import CLIPS, Panel, PanelExplorer

TRUTH = "true motion"


class FormsExplorer(PanelExplorer):
    r"""A clip, γ from 0 to 6, a view; below onset and apex, each form's motion in that view, and the true one where it is known.

    Args:
        clips: name → onset and apex, RGB in [0, 1], square and of any size.
        truths: name → true motion from onset to apex in pixels, (2, h, w), of some of the clips.
        forms: form → motion; by default those that come with the package.

    Attributes:
        clip, gamma, view: the controls.
        picture, note: the note gives each form's longest motion and, where the truth is known, its end-point error.

    Raises:
        UsageError: there is no clip.
        DataError: a checkpoint cannot be read.
    """

    def __init__(
        self,
        clips: Mapping[str, OnsetApex],
        *,
        truths: Mapping[str, Float[Tensor, "2 h w"]] | None = None,
        forms: Mapping[Form, FormOfMotion] | None = None,
    ):
        self.clip = clip_menu(clips)
        self._forms = forms or {form: motion_by(form) for form in FORMS}
        self._truths = truths or {}
        self._frames = lru_cache(maxsize=CLIPS)(clips.__getitem__)
        self._found = lru_cache(maxsize=CLIPS * len(FORMS))(self._find)
        self.gamma = Slider("γ", 1.0, 0.0, 6.0, step=0.5, digits=1)
        self.view = Choice("view", VIEWS, kind="buttons", value="colour flow")
        super().__init__([self.clip, self.gamma], [self.view], title="The three forms of motion")

    def render(self) -> tuple[list[list[Panel]], str]:
        name, gamma = self.clip.value, self.gamma.value
        onset, apex = self._frames(name)
        zoom = max(1, SIDE // onset.shape[-1])  # four panels in a row
        shown = {TITLES[form]: self._amplified(name, form, gamma) for form in self._forms}
        if name in self._truths:
            shown[TRUTH] = gamma * self._truths[name]
        frames = [("onset", enlarge(onset, zoom)), ("apex", enlarge(apex, zoom))]
        if self.view.value == "colour flow":
            frames.append(wheel(FULL_COLOUR))
        views = [(title, draw_view(self.view.value, onset, motion, zoom)) for title, motion in shown.items()]
        said = []
        for title, motion in shown.items():
            part = f"{title}: longest {motion.norm(dim=0).max():.2f} px"
            if name in self._truths and title != TRUTH:
                part += f", error {end_point_error(motion[None], shown[TRUTH][None]).mean():.3f} px"
            said.append(part)
        return [frames, views], " · ".join(said)

    def _amplified(self, name: str, form: Form, gamma: float) -> Float[Tensor, "2 h w"]:
        height, width = self._frames(name)[0].shape[-2:]
        return self._forms[form].amplify(self._found(name, form), (height, width), gamma)[0]

    def _find(self, name: str, form: Form) -> Flow:
        """What a form finds between onset and apex, once a clip: γ comes afterwards."""
        onset, apex = self._frames(name)
        return self._forms[form].find(onset[None], apex[None])
