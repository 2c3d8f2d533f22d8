import pytest
import torch

from selfme_lib.motion.forms import TITLES, FormOfMotion
from selfme_lib.runtime.errors import UsageError
from selfme_lib.widgets import explore_forms
from selfme_lib.widgets.amplification import VIEWS
from selfme_lib.widgets.forms import TRUTH

SIZE = 64
LENGTHS = {"plus": 1.0, "printed": 0.5, "lucas-kanade": 2.0}


@pytest.fixture
def searched():
    """The lengths of those that were asked what they find, in turn."""
    return []


@pytest.fixture
def explorer(searched):
    frames = {name: (torch.rand(3, SIZE, SIZE), torch.rand(3, SIZE, SIZE)) for name in ("first", "<b>second</b>")}
    truths = {"first": torch.tensor([1.0, 0.0])[:, None, None].expand(2, SIZE, SIZE)}

    def shift(length):
        """A form that always finds the same shift to the right."""

        def find(onset, apex):
            searched.append(length)
            return torch.tensor([length, 0.0])[:, None, None].expand(1, 2, SIZE, SIZE)

        return FormOfMotion(find=find, amplify=lambda flow, size, gamma: gamma * flow)

    return explore_forms(frames, truths=truths, forms={form: shift(length) for form, length in LENGTHS.items()})


def test_forms_search_once_a_clip_whatever_gamma(explorer, searched):
    for gamma in (0.0, 3.0, 6.0):
        explorer.gamma.value = gamma
    assert searched == list(LENGTHS.values())
    explorer.clip.value = "<b>second</b>"
    assert searched == 2 * list(LENGTHS.values())


def test_the_note_says_how_far_each_form_is_from_the_truth(explorer):
    assert f"{TITLES['plus']}: longest 1.00 px, error 0.000 px" in explorer.note.value
    assert f"{TITLES['lucas-kanade']}: longest 2.00 px, error 1.000 px" in explorer.note.value
    explorer.gamma.value = 3.0
    assert f"{TITLES['printed']}: longest 1.50 px, error 1.500 px" in explorer.note.value


def test_without_truth_there_is_no_error(explorer):
    explorer.clip.value = "<b>second</b>"
    assert "error" not in explorer.note.value and TRUTH not in explorer.note.value


def test_every_control_changes_the_picture(explorer):
    seen = [explorer.picture.value]
    for view in set(VIEWS) - {explorer.view.value}:
        explorer.view.value = view
        seen.append(explorer.picture.value)
    explorer.clip.value = "<b>second</b>"
    seen.append(explorer.picture.value)
    explorer.gamma.value = 2.0
    seen.append(explorer.picture.value)
    assert len(set(seen)) == len(seen)


def test_two_rows_of_panels(explorer):
    (frames, views), _ = explorer.render()
    assert [title for title, _ in frames] == ["onset", "apex", "full colour: 4 px"]
    assert [title for title, _ in views] == [*TITLES.values(), TRUTH]
    assert {picture.shape for _, picture in frames[:2] + views} == {(256, 256, 3)}


def test_no_clip():
    with pytest.raises(UsageError, match="at least one clip"):
        explore_forms({})
