"""One function for each command of `selfme`; `cli` gives them their names and turns failures into exit codes."""
