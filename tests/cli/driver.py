"""The program as a process, with an app that knows one plan: `python -m tests.cli.driver SECONDS apply …`."""

from __future__ import annotations

import sys

from reconciler.cli.main import run
from tests.cli.examples import Applied, applying, module, plan, volume, web

sys.modules["reconciler.app.apply"] = module(
    "reconciler.app.apply", apply=applying(plan(web(), volume()), seconds=float(sys.argv[1])), Applied=Applied
)
sys.exit(run(sys.argv[2:]))
