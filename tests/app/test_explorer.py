import nbformat
import pytest

from selfme_lib.app import cli
from selfme_lib.app import explorer as page


def test_the_page_is_a_notebook_with_one_cell_of_code():
    notebook = page.notebook_of()
    nbformat.validate(notebook)
    (code,) = (cell.source for cell in notebook.cells if cell.cell_type == "code")
    compile(code, "page", "exec")
    assert "micro_expressions" in code


def test_a_data_set_of_the_readers_own(tmp_path):
    (code,) = (cell.source for cell in page.notebook_of("smic", tmp_path).cells if cell.cell_type == "code")
    compile(code, "page", "exec")
    assert repr(str(tmp_path)) in code and "apex_rule='middle'" in code


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--dataset", "casme2"], 2, "--root DIR"),
        (["--dataset", "samm"], 2, "samm"),
        (["--dataset", "voxceleb"], 2, "voxceleb"),
        (["--root", "nowhere"], 1, "nowhere"),
        (["--port", "0"], 2, "--port"),
    ],
)
def test_what_cannot_be_shown_is_said_before_a_server_starts(arguments, code, words, capfd, monkeypatch):
    monkeypatch.setattr(page, "serve", lambda *_, **__: pytest.fail("a server was started"))
    assert cli.run(["explore", *arguments]) == code
    error = capfd.readouterr().err
    assert words in error and error.count("\n") == 1


def test_a_server_that_cannot_start_is_told(monkeypatch, capfd):
    asked = {}
    monkeypatch.setattr(page, "serve", lambda notebook, **options: asked.update(options) or 3)
    assert cli.run(["explore", "--port", "9999", "--no-browser"]) == 2
    assert asked == {"port": 9999, "browser": False}
    assert "try another port" in capfd.readouterr().err
