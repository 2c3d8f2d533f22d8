"""What typer says of a wrong call, in one form: what is wrong, what was meant, where help is."""

import re
from collections.abc import Sequence
from typing import Any

import typer

SAME = {
    "analyze": "analyse",
    "analysis": "analyse",
    "animate": "amplify",
    "benchmark": "bench",
    "book": "site",
    "check": "doctor",
    "compare": "verify",
    "crop": "align",
    "evaluate": "score",
    "export": "report",
    "flow": "motion",
    "grid": "sweep",
    "html": "report",
    "magnify": "amplify",
    "notebook": "reproduce",
    "notebooks": "reproduce",
    "play": "explore",
    "publish": "report",
    "recognise": "analyse",
    "recognize": "analyse",
    "render": "synth",
    "run": "reproduce",
    "show": "explore",
    "spot": "analyse",
    "test": "verify",
    "train": "pretrain",
    "view": "explore",
    "web": "site",
}
"""What somebody may call a command that has another name."""


def explain(error: typer.TyperException) -> str:
    """One line."""
    said, context = error.format_message(), getattr(error, "ctx", None)
    if context is None:
        return said
    path, command = context.command_path, context.command
    if name := getattr(error, "option_name", ""):
        known = [option for one in command.get_params(context) for option in one.opts if option.startswith("--")]
        alone = [
            one.name.upper() for one in command.get_params(context) if one.name == name.lstrip("-") and not one.hidden
        ]
        if alone and name not in known:  # an argument's name
            return f"{path} has no option {name}; give {alone[0]} without it, see {path} --help"
        return f"{path} has no option {name}{_meant(name, known, path)}" if name not in known else said
    if found := re.match(r"No such command '(.*?)'", said):
        return f"{path} has no command {found[1]}{_meant(found[1], list(command.commands), path, SAME)}"
    if found := re.match(r"Invalid value for '(.*?)': .*?'(.*)' is not one of (.*)\.$", said):
        known = re.findall(r"'(.*?)'", found[3])
        from selfme_lib.runtime.settings import did_you_mean

        return f"{found[1]} {found[2]}: unknown{did_you_mean(found[2], known)}"
    if said.startswith("Missing"):
        return f"{said[0].lower()}{said[1:].rstrip('.')}; see {path} --help"
    return said.replace(": Value error, ", ": ")


def _meant(name: str, known: Sequence[str], path: str, same: dict[str, Any] | None = None) -> str:
    """`; did you mean X?`, or where the help is."""
    import difflib

    plain = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), plain, n=1)
    meant = (same or {}).get(name.casefold())
    meant = meant if meant in known else plain[near[0]] if near else ""
    return f"; did you mean {meant}?" if meant else f"; see {path} --help"
