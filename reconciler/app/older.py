"""An older definition as what is wanted: how a rollback asks the engine for the way back."""

from __future__ import annotations

from dataclasses import replace

from reconciler import entries
from reconciler.app.session import Session, Workspace
from reconciler.kind import Context
from reconciler.model.addresses import element_of
from reconciler.model.documents import Address, Document, Policy, Spec
from reconciler.model.refs import Ref
from reconciler.model.secrets import is_reference


def spec_of(workspace: Workspace, host: Session, ref: Ref, definition: str) -> Spec:
    """What asks for this definition, with the permissions of the present document or else of the last one."""
    document = Document(ref=ref, host=host.host, labels={}, body={}, xml=definition)
    asked = workspace.kinds[ref.kind].parse(document, Context(host.host, workspace.desired.owners[0]))
    current = workspace.desired.specs.get((host.host, ref))
    return replace(
        asked,
        claims={**asked.claims, **_unwritten(workspace, host, asked)},
        policy=current.policy if current else _remembered(host, asked),
        digest=f"rollback:{asked.digest}",
    )


def _unwritten(workspace: Workspace, host: Session, asked: Spec) -> dict[Address, str]:
    """The secrets of elements that stay, as the host or else the document has them: the ledger never holds any."""
    kind = workspace.kinds[asked.ref.kind]
    observed, current = host.observed.get(asked.ref), workspace.desired.specs.get((host.host, asked.ref))
    known = kind.read(observed.xml) if observed else current.claims if current else {}
    return {
        address: text
        for address in entries.secrets(known, kind.table)
        if (text := known[address])
        and not (asked.claims.get(address) or is_reference(text))
        and element_of(address) in asked.claims
    }


def _remembered(host: Session, asked: Spec) -> Policy:
    """What the last document permitted: bringing an object back does not take its protection away."""
    owned = host.ledger.inventory().objects.get(asked.ref)
    return replace(asked.policy, protect=owned.protect, deletion=owned.deletion) if owned else asked.policy
