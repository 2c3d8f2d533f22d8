"""Room `app`: the command line, and what turns a folder of notebooks into runs, reports and web pages.

It may import every other room; none imports it, and what needs Jupyter or Sphinx lives only here.
Begin with `cli` (which commands exist) and `commands` (what each one does). A reproduction goes through `chapters` (which
notebooks) → `execution` (one of them) → `runner` (all of them) → `report`, `publish` and `verify`; `sweep` repeats one
notebook on a grid of parameters. `site` and `explorer` make what other people look at; `student` (with `exercises`, `self_check`
and `material`), `slides` and `quiz_page` what courses need; `analysis_folder` with `analysis_page` what `selfme analyse` says of
a recording.
"""
