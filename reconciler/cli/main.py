"""The program: it finds the verb, and turns what goes wrong into messages and an exit code.

A verb's module is imported only when the verb runs, so that `--help` and completion answer at once.
"""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from itertools import pairwise
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from reconciler import __version__
from reconciler.cli.arguments import Options, global_options, write_options
from reconciler.cli.messages import exit_code, problem_lines, problems_json
from reconciler.cli.terminal import answer, tell
from reconciler.errors import Problem, ReconcilerError

PROGRAM = "reconciler"
COMPLETION = "_RECONCILER_COMPLETE"

# Verb -> what it does. The module is `cli.verbs.<verb>`, with "_" after a word that Python keeps for itself.
VERBS: Mapping[str, str] = {
    "init": "Write a small desired-state repository to start from.",
    "validate": "Check the manifests; needs no host.",
    "plan": "Show what would change and how much it hurts; writes nothing.",
    "apply": "Carry it out, after a yes.",
    "status": "Show what the hosts have of what is declared.",
    "import": "Write manifests from the objects on the hosts.",
    "render": "Print the XML that would be defined.",
    "history": "List the versions of a resource.",
    "rollback": "Go back to an older version of a resource.",
    "suspend": "Leave resources alone for a time.",
    "resume": "Take care of suspended resources again.",
    "schema": "Print the JSON Schema of a kind.",
    "doctor": "Check this machine and its hosts.",
    "completion": "Print the completion script of a shell.",
    "help": "Explain exit codes, settings, an error number or a verb.",
}
_KEPT = {"import": "import_", "help": "help_"}


class Program(click.Group):
    """The verbs, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = import_module(f"reconciler.cli.verbs.{_KEPT.get(cmd_name, cmd_name)}")
        command: click.Command = module.command
        return command

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_options(self, ctx, formatter)
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        if incomplete[:1] == "-":
            return click.Command.shell_complete(self, ctx, incomplete)
        return [CompletionItem(name, help=text) for name, text in VERBS.items() if name.startswith(incomplete)]


program = Program(
    name=PROGRAM,
    help="Keep libvirt hosts equal to the YAML in a git repository.",
    params=global_options(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
click.version_option(__version__, "--version", prog_name=PROGRAM, message="%(prog)s %(version)s")(program)


def run(arguments: Sequence[str]) -> int:
    """The exit code of one run. Whatever goes wrong has been said on standard error when this returns."""
    options = Options()
    try:
        return _verb(arguments, options)
    except ReconcilerError as error:
        return _say(error.problems, options, arguments)
    except click.UsageError as error:
        if error.ctx is not None:
            tell(error.ctx.get_usage())
        return _say([Problem("R801", error.format_message().rstrip("."))], options, arguments)
    except (KeyboardInterrupt, click.Abort):
        _leave(_say([Problem("R509", "stopped by Ctrl-C")], options, arguments))
    except Exception:  # noqa: BLE001 - the outermost place: an unknown exception is a bug, and keeps its traceback
        tell(traceback.format_exc())
        return _say([Problem("R999", "an unexpected error, shown above")], options, arguments)


def _verb(arguments: Sequence[str], options: Options) -> int:
    result: Any = program.main(
        args=list(arguments), prog_name=PROGRAM, complete_var=COMPLETION, standalone_mode=False, obj=options
    )
    return int(result or 0)


def _leave(code: int) -> NoReturn:
    """End without waiting: other threads may sit in calls that do not return."""
    os._exit(code)


def _say(problems: Sequence[Problem], options: Options, arguments: Sequence[str]) -> int:
    """Show the problems; with `-o json` they are also the answer. Gives their exit code."""
    tell("\n".join(problem_lines(problems, options.terminal())))
    if options.json or _asks_for_json(arguments):
        answer(json.dumps(problems_json(problems), indent=2, ensure_ascii=False))
    return exit_code(problems)


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Whether `-o json` stands there: a command line that cannot be read may not have come to it."""
    pairs = set(pairwise(arguments))
    return bool({("-o", "json"), ("--output", "json")} & pairs or {"-ojson", "--output=json"} & set(arguments))
