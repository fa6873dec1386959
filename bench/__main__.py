"""`make bench`, `python -m bench` and `python bench`: run the cases asked for and print their tables."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    if not __package__:
        # `python bench` puts this folder on the path: go on as the package above it.
        sys.path[0] = str(Path(__file__).resolve().parent.parent)
    sys.exit(import_module("bench.program").main())
