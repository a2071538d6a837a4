"""`python -m reconciler` and the console script."""

from __future__ import annotations

import gc
import sys

from reconciler.cli.main import run
from reconciler.cli.terminal import occupy

# Objects that may gather before cycles are looked for (Python: 700). A run makes hundreds of thousands that live to
# its end, and looking through them over and over took a tenth of its time.
GATHER = 100_000


def main() -> None:
    """Run the command line and leave with its exit code."""
    gc.set_threshold(GATHER)
    occupy()
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
