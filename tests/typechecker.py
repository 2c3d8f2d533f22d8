"""beartype as the import hook of jaxtyping wants it: a decorator that can be named; an int is a float, as everywhere in Python."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
