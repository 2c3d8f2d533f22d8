"""What tells files from others."""

import pytest

from selfme_lib.data.contents import content_digest
from selfme_lib.runtime.errors import DataError


def test_names_contents_and_their_order_count_and_the_folder_does_not(tmp_path):
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        for name, content in (("a.png", b"1"), ("b.png", b"2")):
            (tmp_path / folder / name).write_bytes(content)
    here, there = ([tmp_path / folder / name for name in ("a.png", "b.png")] for folder in ("here", "there"))
    assert content_digest(here) == content_digest(there) != content_digest(here[::-1])
    (tmp_path / "there" / "b.png").write_bytes(b"3")
    assert content_digest(here) != content_digest(there)


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.png"):
        content_digest([tmp_path / "gone.png"])
    with pytest.raises(DataError, match="folder"):
        (tmp_path / "folder").mkdir()
        content_digest([tmp_path / "folder"])
