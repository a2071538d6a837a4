"""`python -m reconciler` and the console script."""

from __future__ import annotations

import sys

from reconciler.cli.main import run
from reconciler.cli.terminal import occupy


def main() -> None:
    """Run the command line and leave with its exit code."""
    occupy()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
