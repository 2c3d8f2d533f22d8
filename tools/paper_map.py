"""Write the map from the paper to the code into README.md and LEDGER.md: `make map`.

The text between `<!-- map -->` and `<!-- end map -->` is made by this tool, from `selfme_lib.paper_map`.
"""

from selfme_lib.paper_map import update

if __name__ == "__main__":
    for path in update():
        print(path)
