import io
import time

import IPython
import pytest
from tqdm import tqdm
from traitlets import Bunch

from selfme_lib.runtime import progress


def kernel(asks):
    return Bunch(kernel=Bunch(get_parent=lambda _: {"content": {"allow_stdin": asks}}))


@pytest.mark.parametrize(("shell", "expected"), [(None, False), (kernel(False), False), (kernel(True), True)])
def test_only_a_person_may_be_asked_for_input(monkeypatch, shell, expected):
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    assert progress.by_hand() == expected


def run(steps=3):
    for _ in tqdm(range(steps), desc="selfme motion", unit="clip", disable=None, mininterval=0):
        time.sleep(0.02)


@pytest.mark.parametrize("by_hand", [True, False])
def test_what_takes_long_is_shown_with_its_time_and_taken_away(monkeypatch, by_hand):
    out = io.StringIO()
    monkeypatch.setattr(tqdm, "__init__", tqdm.__init__)  # so that it is put back
    monkeypatch.setattr(progress, "by_hand", lambda: by_hand)
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", out)
    monkeypatch.setattr(progress, "PATIENCE", 0.03)
    assert progress.show_bars() == progress.show_bars() == by_hand
    run()
    if not by_hand:
        assert out.getvalue() == ""
        return
    assert "selfme motion" in out.getvalue() and "<00:00" in out.getvalue() and out.getvalue()[-1] == "\r"
    out.truncate(0)
    monkeypatch.setattr(progress, "PATIENCE", 5)
    run()
    assert out.getvalue() == ""
