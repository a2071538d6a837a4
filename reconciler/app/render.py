"""`render`: the definition that an apply would store."""

from __future__ import annotations

from dataclasses import replace

from reconciler import entries, markup
from reconciler.app import cases, session
from reconciler.app import plan as planning
from reconciler.app.session import Workspace
from reconciler.app.settings import Selection, Settings
from reconciler.engine.decide import decide
from reconciler.errors import trouble
from reconciler.kind import Kind
from reconciler.model.documents import Spec
from reconciler.model.plans import Define
from reconciler.model.secrets import without


def render(settings: Settings, selection: Selection) -> str:
    """The XML of each selected resource as it would be after an apply; passwords are left out."""
    with session.opened(settings, selection, values=False) as workspace:
        planning.check_selection(workspace)
        wanted = planning.selected(selection)
        specs = [spec for (_, ref), spec in sorted(workspace.desired.specs.items()) if wanted(ref)]
        return "".join(_rendered(workspace, spec) for spec in specs)


def _rendered(workspace: Workspace, spec: Spec) -> str:
    kind = workspace.kinds[spec.ref.kind]
    public = _without_secrets(kind, spec)
    host = workspace.sessions.get(spec.host)
    if host is None:
        raise trouble("R601", f"{spec.ref} cannot be rendered: its host cannot be asked", spec.host)
    observed = host.observed.get(spec.ref)
    if observed is None:
        return kind.render(cases.informed(workspace, host, public), None, ())
    inventory = host.ledger.inventory()
    decided = decide(cases.case_of(workspace, host, inventory, public, host.ledger.applied(spec.ref)))
    steps = (step for change in decided.changes for step in change.steps)
    defined = next((step.xml for step in steps if isinstance(step, Define)), observed.xml)
    return markup.serialise(markup.parse(without(defined)))


def _without_secrets(kind: Kind, spec: Spec) -> Spec:
    private = entries.secrets(spec.claims, kind.table)
    return replace(spec, claims={address: text for address, text in spec.claims.items() if address not in private})
