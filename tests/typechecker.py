"""beartype as jaxtyping's import hook wants it: a decorator with a name. An int is a float, as everywhere in Python."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
