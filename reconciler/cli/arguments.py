"""What verbs share: the options that stand before or after the verb, and the types of arguments."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from reconciler.cli.terminal import Terminal, detect
from reconciler.model.quantities import parse_duration
from reconciler.model.refs import Ref

if TYPE_CHECKING:
    from reconciler.app.settings import Settings
    from reconciler.model.plans import Allow


@dataclass(slots=True)
class Options:
    """The global options as far as they were given; one that stands after the verb wins over one before it."""

    directory: str | None = None
    connect: str | None = None
    state_dir: str | None = None
    config: str | None = None
    output: str = "text"
    color: str = "auto"
    parallelism: int | None = None
    lock_timeout: int | None = None
    values: tuple[str, ...] = ()
    verbose: bool = False

    @property
    def json(self) -> bool:
        return self.output == "json"

    def terminal(self) -> Terminal:
        """The terminal as it is, with the colour that was asked for."""
        return detect(self.color, os.environ)

    def settings(self) -> Settings:
        """The command line, the environment and the settings file, resolved. Raises R802."""
        from reconciler.app.settings_file import Given, resolve

        given = Given(
            directory=self.directory,
            connect=self.connect,
            state_dir=self.state_dir,
            config=self.config,
            parallelism=self.parallelism,
            lock_timeout=self.lock_timeout,
            values=self.values,
        )
        return resolve(given, os.environ, root=os.geteuid() == 0)


def _remember(context: click.Context, option: click.Parameter, value: object) -> None:
    if value is not None and value is not False:
        setattr(context.obj, str(option.name), value)


def _add(context: click.Context, option: click.Parameter, value: tuple[str, ...]) -> None:
    """Keep what may be given many times, on either side of the verb."""
    known: tuple[str, ...] = getattr(context.obj, str(option.name))
    setattr(context.obj, str(option.name), (*known, *value))


def _seconds(context: click.Context, option: click.Parameter, value: str | None) -> None:
    """Keep `30s`, `5m` or `2h` as whole seconds."""
    try:
        _remember(context, option, None if value is None else parse_duration("0s" if value == "0" else value))
    except ValueError as error:
        raise click.BadParameter(str(error), context, option) from error


def _global(*names: str, **more: Any) -> click.Option:
    return click.Option(names, **{"expose_value": False, "callback": _remember, **more})


WHEN = ("auto", "always", "never")


def global_options() -> list[click.Parameter]:
    """The options that every verb takes, on both sides of it."""
    return [
        _global(
            "-C", "--directory", metavar="DIR", help="Desired state: a directory or a git work tree.", type=click.Path()
        ),
        _global(
            "-c",
            "--connect",
            metavar="URI",
            help="Host where no Host document says otherwise; `embedded` is a private one.",
        ),
        _global("--state-dir", metavar="DIR", help="Ledger, embedded host and locks.", type=click.Path()),
        _global("--config", metavar="FILE", help="Settings file (see `reconciler help settings`).", type=click.Path()),
        _global(
            "-o", "--output", metavar="FORMAT", help="text (the default) or json.", type=click.Choice(["text", "json"])
        ),
        _global("--color", metavar="WHEN", help="auto (the default), always or never.", type=click.Choice(WHEN)),
        _global(
            "-p",
            "--parallelism",
            metavar="N",
            help="Changes at once over all hosts (10).",
            type=click.IntRange(1, 1000),
        ),
        _global(
            "--values",
            metavar="FILE",
            multiple=True,
            type=click.Path(),
            callback=_add,
            help="Values for ${values.…}, over those of the directory; may be given many times.",
        ),
        _global("--lock-timeout", metavar="T", help="Wait for another writer, e.g. 30s (0s).", callback=_seconds),
        _global("-v", "--verbose", is_flag=True, help="Say more."),
    ]


def write_options(command: click.Command, context: click.Context, formatter: click.HelpFormatter) -> None:
    """The command's own options, then the global ones under their own heading."""
    own: list[tuple[str, str]] = []
    shared: list[tuple[str, str]] = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            (own if parameter.expose_value or parameter.name in ("help", "version") else shared).append(record)
    for title, rows in (("Options", own), ("Global options, before or after the verb", shared)):
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows)


class Verb(click.Command):
    """A command that takes the global options as well as its own."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.params.extend(global_options())

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_options(self, ctx, formatter)


def with_options(verb: Callable[..., int]) -> Callable[..., int]:
    """Hand the global options to a verb as `options`."""

    def handed(**arguments: Any) -> int:
        return verb(options=cast(Options, click.get_current_context().obj), **arguments)

    return update_wrapper(handed, verb)


Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _refs(context: click.Context, option: click.Parameter, value: tuple[str, ...]) -> tuple[Ref, ...]:
    return tuple(Ref.parse(text) for text in value)


def refs_argument(*, required: bool = False) -> Decorator:
    """Any number of resources. Raises R801."""
    metavar = "REF..." if required else "[REF]..."
    return click.argument("refs", metavar=metavar, nargs=-1, required=required, callback=_refs)


def ref_argument() -> Decorator:
    """One resource. Raises R801."""
    return click.argument("ref", metavar="REF", callback=lambda context, option, value: Ref.parse(value))


def exclude_option() -> Decorator:
    """The resources that take no part."""
    return click.option("--exclude", metavar="REF", multiple=True, callback=_refs, help="Leave this resource out.")


def allow_option() -> Decorator:
    """What is permitted, as one set."""
    from reconciler.model.plans import Allow

    words = ",".join(allow.value for allow in Allow)
    return click.option(
        "--allow",
        metavar="WORDS",
        multiple=True,
        callback=_allowed,
        help=f"Permit what the plan shows as blocked: {words}.",
    )


def _allowed(context: click.Context, option: click.Parameter, value: tuple[str, ...]) -> frozenset[Allow]:
    return frozenset(_word(word.strip(), context, option) for text in value for word in text.split(","))


def _word(word: str, context: click.Context, option: click.Parameter) -> Allow:
    from reconciler.model.plans import Allow

    words = [allow.value for allow in Allow]
    if word in words:
        return Allow(word)
    from difflib import get_close_matches

    near = get_close_matches(word, words, 1)
    hint = f"did you mean {near[0]}?" if near else f"the words are {', '.join(words)}"
    raise click.BadParameter(f"{word!r} permits nothing; {hint}", context, option)


def with_selection(verb: Callable[..., int]) -> Callable[..., int]:
    """Hand a verb `chosen`: revision, exclusions and permissions; which resources is the verb's own matter."""

    def handed(*, exclude: tuple[Ref, ...], revision: str, allow: frozenset[Allow], **arguments: Any) -> int:
        from reconciler.app.settings import Selection

        return verb(chosen=Selection(exclude=exclude, revision=revision, allow=allow), **arguments)

    command = allow_option()(exclude_option()(update_wrapper(handed, verb)))
    return click.option(
        "--ref",
        "revision",
        metavar="GITREF",
        default="",
        help="Take the desired state from this branch, tag or commit instead of the files.",
    )(command)


def path_option(*names: str, **more: Any) -> Decorator:
    """An option that takes a path."""
    return click.option(*names, type=click.Path(path_type=Path), **more)
