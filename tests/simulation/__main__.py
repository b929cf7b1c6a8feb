"""``python -m tests.simulation --seeds 1000``: many simulated months on all cores, or one of them step by step."""

from __future__ import annotations

import sys

from tests.simulation.command_line import main

if __name__ == "__main__":
    sys.exit(main())
