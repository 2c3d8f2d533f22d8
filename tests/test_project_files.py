"""Files about the project agree with the project: metadata, pins, citation, changelog, workflows, templates, CONTRIBUTING."""

import json
import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from typer.main import get_command

from selfme_lib.app.cli import app
from selfme_lib.runtime.paths import PROJECT

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

GITHUB = PROJECT / ".github"


def text(name: str) -> str:
    return (PROJECT / name).read_text(encoding="utf-8")


METADATA = tomllib.loads(text("pyproject.toml"))["project"]
CONTRIBUTING = text("CONTRIBUTING.md")
MAKEFILE = text("Makefile")
CITATION = yaml.safe_load(text("CITATION.cff"))
WORKFLOW = yaml.safe_load(text(".github/workflows/test.yml"))
HOOKS = yaml.safe_load(text(".pre-commit-config.yaml"))


def pythons() -> list[str]:
    prefix = "Programming Language :: Python :: 3."
    return [line.removeprefix(prefix[:-2]) for line in METADATA["classifiers"] if line.startswith(prefix)]


def targets() -> set[str]:
    return set(re.findall(r"(?m)^([a-z]+):", MAKEFILE))


def test_pythons_of_the_workflow_are_those_of_the_package():
    matrix = WORKFLOW["jobs"]["test"]["strategy"]["matrix"]
    assert matrix["python"] == pythons() and all(isinstance(one, str) for one in pythons())
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "macos", "windows"}
    allowed = SpecifierSet(METADATA["requires-python"])
    oldest = min(pythons(), key=lambda version: int(version.split(".")[1]))
    assert all(version in allowed for version in pythons())
    assert f"3.{int(oldest.split('.')[1]) - 1}" not in allowed


def test_windows_runs_what_make_runs():
    steps = WORKFLOW["jobs"]["test"]["steps"]
    (windows,) = (step["run"] for step in steps if "Windows" in step.get("if", "") and "!=" not in step["if"])
    commands = [line.removeprefix(".venv/Scripts/") for line in windows.splitlines()]
    (pytest_command,) = re.findall(r"(?m)^PYTEST := \$\(BIN\)/(.+)$", MAKEFILE)
    recipes = [line.strip().removeprefix("$(BIN)/") for line in MAKEFILE.splitlines() if line.startswith("\t")]
    assert "$(PYTEST) $(COVER)" in recipes
    recipes.append(pytest_command)
    for command in commands[1:]:
        assert command in recipes, command


def test_the_pre_commit_hooks_are_local_and_keep_outputs():
    (repository,) = HOOKS["repos"]
    assert repository["repo"] == "local"
    assert all(hook["language"] == "system" and "nbstripout" not in hook["entry"] for hook in repository["hooks"])
    for hook in repository["hooks"]:
        command = re.search(r"exec (\w+(?: \w+)?)", hook["entry"])[1]
        assert f"$(BIN)/{command}" in MAKEFILE


@pytest.mark.parametrize("path", sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.stem)
def test_issue_templates_are_forms(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.stem == "config":
        assert set(form) == {"blank_issues_enabled", "contact_links"}
        assert all(set(link) == {"name", "url", "about"} for link in form["contact_links"])
        return
    assert form["name"] and form["description"] and form["body"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert all(field["type"] in ("textarea", "input", "dropdown", "checkboxes") for field in fields)
    assert all(field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_the_citation_is_of_this_version_and_of_the_paper():
    assert CITATION["cff-version"] == "1.2.0" and CITATION["type"] == "software"
    assert str(CITATION["version"]) == METADATA["version"]
    assert CITATION["license"] == METADATA["license"]
    paper = CITATION["preferred-citation"]
    assert [author["family-names"] for author in paper["authors"]] == ["Fan", "Chen", "Jiang", "Shahid", "Yan"]
    assert paper["year"] == 2023 and paper["type"] == "conference-paper"
    assert paper["title"] in text("README.md"), "README and CITATION.cff cite the same paper"


def test_the_changelog_begins_with_this_version():
    headings = re.findall(r"(?m)^## \[(.+?)\] - (unreleased|\d{4}-\d\d-\d\d)$", text("CHANGELOG.md"))
    assert headings[0][0] == METADATA["version"]
    assert all(date != "unreleased" for _, date in headings[1:])
    kinds = set(re.findall(r"(?m)^### (.+)$", text("CHANGELOG.md")))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_every_dependency_is_pinned_within_its_bounds():
    pins = {}
    for line in text("constraints.txt").splitlines():
        if not line.startswith("#"):
            pin = Requirement(line)
            name = canonicalize_name(pin.name)
            assert name not in pins, f"{name} is pinned twice"
            (pins[name],) = pin.specifier
    lines = [
        *METADATA["dependencies"],
        *(line for extra in METADATA["optional-dependencies"].values() for line in extra),
    ]
    for wanted in map(Requirement, lines):
        if wanted.name == METADATA["name"]:
            assert wanted.extras <= set(METADATA["optional-dependencies"])
            continue
        pin = pins[canonicalize_name(wanted.name)]
        assert pin.operator == "==" and pin.version in wanted.specifier, wanted


def test_every_pin_has_its_hashes():
    """PyTorch has none: its builds for CPUs and GPUs share a version. See the Makefile."""
    pins = [Requirement(line) for line in text("constraints.txt").splitlines() if not line.startswith("#")]
    locked = re.findall(
        r"(?m)^(\S+)==(\S+)(?: ;.*?)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text("requirements.lock")
    )
    assert len(locked) == len(re.findall(r"(?m)^\S", text("requirements.lock"))), "every entry has its hashes"
    expected = {canonicalize_name(pin.name): str(pin.specifier) for pin in pins}
    assert {canonicalize_name(name): f"=={version}" for name, version, _ in locked} == {
        name: version for name, version in expected.items() if name not in ("torch", "torchvision")
    }
    assert "--no-deps --require-hashes --requirement requirements.lock" in text("Makefile")


PAGES = ["README.md", "LEDGER.md", "CONTRIBUTING.md", "CHANGELOG.md"]
PAGES += [path.relative_to(PROJECT).as_posix() for path in sorted((PROJECT / "docs").glob("*.md"))]
PAGES += [path.relative_to(PROJECT).as_posix() for path in sorted((PROJECT / "selfme_lib").rglob("*.md"))]


def anchors_of(path: Path) -> set[str]:
    """What a link can point to on GitHub: its headings, in its own way of writing them, and marked places."""
    prose = re.sub(r"(?ms)^```.*?^```", "", path.read_text(encoding="utf-8"))
    headings = re.findall(r"(?m)^#{1,6} +(.+?)$", prose)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    slugs = {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain}
    return slugs | set(re.findall(r'<a id="([\w-]+)">', prose))


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere_on_github_as_well(page):
    """The web pages have a test of their own."""
    path = PROJECT / page
    prose = re.sub(r"(?ms)^```.*?^```", "", path.read_text(encoding="utf-8"))
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", prose) if not re.match(r"[a-z]+:", link)]
    for link in links:
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), f"{page}: {link}"
        assert not anchor or target.suffix != ".md" or anchor in anchors_of(target), f"{page}: {link}"


def test_the_front_page_is_short_and_leads_to_every_guide():
    readme = text("README.md")
    assert len(readme.splitlines()) <= 120
    guides = {page for page in PAGES if page.startswith("docs/")}
    assert len(guides) >= 8 and guides <= set(re.findall(r"\]\((docs/[\w.]+)", readme))
    for notebook in (PROJECT / "notebooks").glob("*.ipynb"):
        assert f"(notebooks/{notebook.name})" in readme
    stated = [page for page in PAGES if "<!-- verdict" in text(page)]
    assert stated == ["README.md"], "the verdict is stated once"


def shell_lines(markdown: str) -> list[list[str]]:
    """The commands in blocks of shell, without comments, as lists of words."""
    blocks = re.findall(r"(?ms)^```bash\n(.*?)^```", markdown)
    lines = [re.sub(r"(?:^|\s)#.*", "", line) for block in blocks for line in block.splitlines()]
    return [part.split() for line in lines for part in line.split("&&") if part.strip()]


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith("selfme_lib/")])
def test_commands_on_the_pages_exist_with_all_their_options(page):
    group = get_command(app)
    for words in shell_lines(text(page)):
        name = words[0].rpartition("/")[2]
        if name == "make":
            wanted = [word for word in words[1:] if "=" not in word]
            assert set(wanted) <= {*targets(), ".venv/installed"}, words
        elif name == "selfme":
            command, rest = group, words[1:]
            while hasattr(command, "commands"):
                command, rest = command.commands[rest[0]], rest[1:]
            known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
            assert {word for word in rest if word.startswith("--")} <= known | {"--help"}, words


def test_containers_install_as_make_does_and_take_nothing_along():
    dockerfile = text("Dockerfile")
    (python,) = re.findall(r"(?m)^FROM python:(\d\.\d+)-", dockerfile)
    assert python in pythons() and "RUN make .venv/installed" in dockerfile and ".venv/installed:" in MAKEFILE
    container = json.loads(text(".devcontainer/devcontainer.json"))
    assert container["postCreateCommand"] == "make .venv/installed" and f":{python}-" in container["image"]
    made = {".venv", "data", "runs", "site"}
    assert made <= set(text(".dockerignore").splitlines()) and made <= {
        line.strip("/") for line in text(".gitignore").splitlines()
    }


def code_in(markdown: str) -> str:
    """Blocks of shell commands and words in backticks, each from the beginning of a line."""
    found = re.findall(r"```bash\n(.*?)```|`([^`\n]+)`", markdown, flags=re.DOTALL)
    return "\n".join(block or word for block, word in found)


def test_commands_in_contributing_exist():
    code = code_in(CONTRIBUTING)
    made = set(re.findall(r"(?m)^make ([a-z]+)(?: ([a-z]+))?", code))
    wanted = {target for pair in made for target in pair if target}
    assert {"test", "map"} <= wanted <= targets()
    names = {command.name or command.callback.__name__ for command in app.registered_commands}
    names |= {group.name for group in app.registered_groups}
    called = set(re.findall(r"(?m)^selfme ([a-z]+)", code))
    assert called and called <= names


def test_files_and_names_in_contributing_exist():
    code = code_in(CONTRIBUTING)
    paths = set(re.findall(r"(?:selfme_lib|tests|notebooks|tools)(?:/[\w.]+)+", code))
    paths |= {target.split("#")[0] for target in re.findall(r"\]\(([^)]+)\)", CONTRIBUTING)} - {""}
    existing = {path for path in paths if "NAME" not in path and not path.startswith("http")}
    assert len(existing) > 20
    assert sorted(path for path in existing if not (PROJECT / path).exists()) == []
    sources = "\n".join(path.read_text(encoding="utf-8") for path in sorted(Path(PROJECT, "selfme_lib").rglob("*.py")))
    names = set(re.findall(r"`(_?[A-Z]\w+|[a-z]+_\w+)(?:\(.*?\))?(?:\.\w+)?`", CONTRIBUTING))
    assert names and sorted(name for name in names if not re.search(rf"\b{name}\b", sources)) == []


def test_rooms_in_contributing_are_those_of_the_package():
    rooms = set(re.findall(r"`selfme_lib/(\w+)(?:\.py)?`", CONTRIBUTING.split("## The rooms")[1].split("Each room")[0]))
    found = {path.parent.name for path in (PROJECT / "selfme_lib").glob("*/__init__.py")}
    found |= {path.stem for path in (PROJECT / "selfme_lib").glob("[a-z]*.py")}
    assert rooms == found


@pytest.mark.parametrize(("files", "most"), [("notebooks/*.ipynb", 4), ("figures/*", 1.5)])
def test_what_is_published_stays_small(files, most):
    """Each publication adds all of it to the repository's history: megabytes."""
    assert sum(path.stat().st_size for path in PROJECT.glob(files)) <= most * 2**20
