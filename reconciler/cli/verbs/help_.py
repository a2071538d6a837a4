"""`help`."""

from __future__ import annotations

import click

from reconciler.cli import topics
from reconciler.cli.arguments import Options, Verb, with_options
from reconciler.cli.terminal import answer
from reconciler.errors import trouble


@click.command(cls=Verb, name="help")
@click.argument("topic", required=False)
@with_options
def command(options: Options, topic: str | None) -> int:
    """Explain a topic (exit-codes, settings, errors), an error number such as R203, or a verb."""
    context = click.get_current_context()
    parent = context.find_root()
    if topic is None:
        answer(parent.get_help())
        return 0
    text = topics.topic(topic)
    if text is None:
        text = _verb_help(parent, topic)
    answer(text)
    return 0


def _verb_help(root: click.Context, name: str) -> str:
    group = root.command
    found = group.get_command(root, name) if isinstance(group, click.Group) else None
    if found is None:
        raise trouble(
            "R801", f"there is no help on {name!r}; try {', '.join(topics.TOPICS)}, an error number or a verb"
        )
    with click.Context(found, info_name=name, parent=root) as context:
        return found.get_help(context)
