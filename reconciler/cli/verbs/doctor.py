"""`doctor`."""

from __future__ import annotations

import click

from reconciler.app.doctor import doctor
from reconciler.catalogue import Family
from reconciler.cli import render_json
from reconciler.cli.arguments import Options, Verb, with_options
from reconciler.cli.render_status import checks_json, checks_text
from reconciler.cli.terminal import answer


@click.command(cls=Verb, name="doctor")
@with_options
def command(options: Options) -> int:
    """Check this machine and its hosts: KVM, libvirt and QEMU, memory, permissions.

    Exits with 1 where something fails.
    """
    found = doctor(options.settings())
    answer(render_json.text(checks_json(found)) if options.json else checks_text(found, options.terminal()))
    return Family.FAILED.value if any(check.level == "fail" for check in found) else 0
