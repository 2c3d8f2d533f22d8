"""What the commands of `selfme` do, one function each; `cli` gives them their names and turns failures into exit codes."""
