"""What all explorers share, by one that draws what it is told and counts."""

import numpy as np
import pytest
import torch

from selfme_lib.runtime.errors import UsageError
from selfme_lib.widgets import panels
from selfme_lib.widgets.controls import Slider
from selfme_lib.widgets.panels import PanelExplorer

SIDE = 16


class Grey(PanelExplorer):
    """One picture as bright as its control says, and one that is always black."""

    def __init__(self):
        self.drawn, self.offset = [], 0
        self.level = Slider("level", 1, 0, 255)
        super().__init__([self.level], title="grey")

    def render(self):
        level = self.level.value + self.offset
        if level == 13:
            raise UsageError("no such level")
        self.drawn.append(level)
        pictures = [np.full((SIDE, SIDE, 3), shade, np.uint8) for shade in (level, 0)]
        return [list(zip(["level", "black"], pictures))], f"level {level}"


@pytest.fixture
def explorer():
    return Grey()


def press(explorer, value):
    explorer._receive(explorer, {"to": "0.0", "value": value}, [])


def test_it_draws_on_one_thread_and_leaves_the_others_to_the_rest(explorer, monkeypatch):
    """On a busy machine two threads wait for each other, many times as long as the drawing takes."""
    before, seen = torch.get_num_threads(), []
    monkeypatch.setattr(Grey, "render", lambda self: seen.append(torch.get_num_threads()) or ([], ""))
    try:
        torch.set_num_threads(2)
        press(explorer, 5)
        assert seen == [1] and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_what_was_shown_is_not_drawn_again(explorer):
    seen = {}
    for value in (5, 6, 5, 6, 1):
        press(explorer, value)
        seen.setdefault(value, []).append((explorer._panels, explorer._note))
    assert explorer.drawn == [1, 5, 6]
    assert seen[5][0] == seen[5][1] != seen[6][0] and explorer._note == "level 1"


def test_picture_and_note_are_those_of_now_even_if_the_browser_has_seen_them_before(explorer):
    first = explorer.picture.value, explorer.note.value
    press(explorer, 5)
    other = explorer.picture.value, explorer.note.value
    press(explorer, 1)
    assert (explorer.picture.value, explorer.note.value) == first != other
    assert other[1] == "level 5"


def test_it_is_drawn_anew_if_something_else_has_changed(explorer):
    press(explorer, 5)
    explorer.offset = 100
    explorer.forget()
    press(explorer, 1)
    assert explorer.drawn == [1, 5, 101] and explorer.note.value == "level 101"


def test_what_is_kept_is_bounded(explorer, monkeypatch):
    for value in range(256):
        if value != 13:
            press(explorer, value)
    kept = explorer._answer.cache_info()
    assert kept.currsize <= kept.maxsize == panels.KEPT


def test_a_picture_that_stays_is_encoded_once(explorer, monkeypatch):
    encoded = []
    monkeypatch.setattr(panels, "jpeg", lambda picture: encoded.append(picture.max()) or bytes([picture.max()]))
    for value in (5, 6, 7):
        press(explorer, value)
    assert encoded == [5, 6, 7]
    assert explorer._panels[0][0]["data"] == bytes([7])


@pytest.mark.parametrize("value", [5, 1, 13])
def test_a_key_has_one_answer_of_one_message(explorer, monkeypatch, value):
    """Whether something is drawn, the value is what it was, or it is refused."""
    sent = []
    monkeypatch.setattr(explorer, "_send", lambda message, buffers=None: sent.append(message))
    press(explorer, value)
    assert len(sent) == 1 and sent[0]["state"]["_answered"] == explorer._answered == 1
    assert explorer._note == ("no such level" if value == 13 else f"level {value}")


def test_what_comes_next_is_sent_in_one_message_and_nothing_changes(explorer, monkeypatch):
    press(explorer, 5)
    sent, seen = [], []
    monkeypatch.setattr(explorer, "send", lambda content, buffers: sent.append((content, buffers)))
    before = explorer._drawn, explorer._note, explorer._panels, explorer.picture.value
    explorer._receive(explorer, {"to": "0.0", "ahead": [6, 7, 5], "ask": "one"}, [])
    ((content, buffers),) = sent
    assert content["ask"] == "one" and [one["note"] for one in content["answers"]] == ["level 6", "level 7", "level 5"]
    assert explorer.level.value == 5 and explorer.drawn == [1, 5, 6, 7], "5 was drawn before"
    assert before == (explorer._drawn, explorer._note, explorer._panels, explorer.picture.value)
    for one, value in zip(content["answers"], (6, 7, 5)):
        press(explorer, value)
        seen.append([[panel | {"data": buffers[panel["data"]]} for panel in row] for row in one["panels"]])
        assert seen[-1] == explorer._panels
    assert len(buffers) == 4, "what is black is sent once"


def test_what_cannot_be_drawn_ends_what_is_sent_ahead(explorer, monkeypatch):
    sent = []
    monkeypatch.setattr(explorer, "send", lambda content, buffers: sent.append(content))
    explorer._receive(explorer, {"to": "0.0", "ahead": [12, 13, 14], "ask": "one"}, [])
    assert [one["note"] for one in sent[0]["answers"]] == ["level 12"]
    assert explorer._note == "no such level" and explorer.level.value == 1
