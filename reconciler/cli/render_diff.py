"""The change of each definition as a unified diff of libvirt's XML."""

from __future__ import annotations

import re

from reconciler.cli.terminal import Terminal, printable
from reconciler.model.plans import Change, Define, Plan
from reconciler.model.refs import Ref
from reconciler.model.secrets import without

# libvirt keeps passwords in attributes of this name (formatdomain, graphics; formatstorage of old).
_PASSWORD = re.compile(r"""(\bpasswd\s*=\s*)('[^']*'|"[^"]*")""")


def definition_diffs(plan: Plan) -> dict[tuple[str, Ref], str]:
    """The diff of each change that stores a definition, by host and Ref; passwords are hidden."""
    found = {change.key: _diff(change) for change in plan.changes}
    return {key: text for key, text in found.items() if text}


def _diff(change: Change) -> str:
    from difflib import unified_diff  # 2 ms that a plan without diffs need not pay.

    after = next((step.xml for step in change.steps if isinstance(step, Define)), None)
    if after is None:
        return ""
    before = change.observed.xml if change.observed else ""
    name = f"{change.host}/{change.ref}"
    lines = unified_diff(_lines(before), _lines(after), f"{name} (host)", f"{name} (planned)", lineterm="")
    return "\n".join(lines)


def _lines(xml: str) -> list[str]:
    return _PASSWORD.sub(r"\1'(hidden)'", without(xml)).splitlines()


def diff_text(diff: str, terminal: Terminal) -> str:
    """The diff in colour, if the terminal takes it."""
    colours = {"+": "green", "-": "red", "@": "cyan"}
    lines = (printable(line) for line in diff.splitlines())
    return "\n".join(terminal.style(line, colours[line[0]]) if line[:1] in colours else line for line in lines)
