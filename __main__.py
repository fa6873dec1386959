"""`python -m evtorrent`: the command-line client."""

from __future__ import annotations

import sys

from .session.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
