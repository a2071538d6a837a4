"""`completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from reconciler.cli.arguments import Options, Verb, with_options
from reconciler.cli.terminal import answer
from reconciler.errors import trouble


@click.command(cls=Verb, name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@with_options
def command(options: Options, shell: str) -> int:
    """Print the script that completes verbs and options in a shell.

    bash: reconciler completion bash > /etc/bash_completion.d/reconciler
    """
    from reconciler.cli.main import COMPLETION, PROGRAM, program

    script = get_completion_class(shell)
    if script is None:
        raise trouble("R801", f"there is no completion for {shell}")
    answer(script(program, {}, PROGRAM, COMPLETION).source())
    return 0
