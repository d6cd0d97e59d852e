"""`python -m llmcost`."""

from __future__ import annotations

import sys

from llmcost.cli import main

if __name__ == "__main__":
    sys.exit(main())
