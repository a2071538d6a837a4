"""The ledger's side of an apply: the old state before the first change, the new one in batches while it runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from threading import Lock
from types import TracebackType

from reconciler import entries
from reconciler.app import images
from reconciler.app import plan as planning
from reconciler.app.session import Session, Workspace
from reconciler.engine import backoff
from reconciler.engine.suspension import in_force
from reconciler.model.documents import CRASHED, Address, Mode, Observed, Spec, Texts
from reconciler.model.inventory import NOTHING_APPLIED, Applied, Crashes, Owned
from reconciler.model.outcomes import Outcome, Result
from reconciler.model.plans import Action, Change
from reconciler.model.refs import Ref
from reconciler.model.secrets import HIDDEN, is_seal
from reconciler.ports import Clock, LedgerChange

# A commit costs about 20 ms. What a crash between two commits leaves out is found again by looking at the host.
BATCH = 200
SECONDS = 2.0
NAMED = 5


class Record:
    """What one host's ledger will hold. As a context manager it writes the rest at the end, whatever happens.

    `latest` is what was last seen of each object this apply has changed.
    """

    def __init__(self, workspace: Workspace, host: Session, revision: str | None, clock: Clock) -> None:
        self.workspace, self.host, self.revision, self.clock = workspace, host, revision, clock
        self.latest: dict[Ref, Observed] = {}
        inventory = host.ledger.inventory()
        # What is over is written down no more.
        self._inventory = replace(inventory, suspended=in_force(inventory, workspace.today))
        self._objects = dict(self._inventory.objects)
        self._definitions: dict[Ref, str | None] = {}
        self._applied: dict[Ref, Applied | None] = {}
        self._lines: list[str] = []
        self._seen: dict[Ref, tuple[Observed | None, Applied | None]] = {}
        self._returned: dict[Ref, Observed] = {}
        self._starts: dict[Ref, str] = {}
        self._written = clock.now()
        self._guard = Lock()

    def __enter__(self) -> Record:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.write()

    def before(self, changes: list[Change]) -> None:
        """Commit the definitions as they are, and what is about to be made, so that a crash loses nothing."""
        for change in changes:
            if change.observed is not None and change.observed.ref in self.host.observed:
                self._definitions[change.observed.ref] = change.observed.xml
            spec = self.workspace.desired.specs.get(change.key)
            if spec is not None and change.ref not in self._objects:
                self._objects[change.ref] = replace(self._owned(spec, change.observed), intended=True, digest="")
        self._applied |= self._begun(changes)
        self._commit(f"observed before {_names([str(change.ref) for change in changes])}")

    def _begun(self, changes: list[Change]) -> dict[Ref, Applied | None]:
        """The fields that are ours from here on, whatever becomes of the changes: they may fail when they are defined.

        What no host can show (`!source`) counts as applied only when it is.
        """
        updates = [change.key for change in changes if change.action is Action.UPDATE]
        specs = [spec for key in updates if (spec := self.workspace.desired.specs.get(key)) is not None]
        known = self.host.ledger.all_applied(spec.ref for spec in specs)
        begun: dict[Ref, Applied | None] = self._coming(changes)
        for spec in specs:
            before = known.get(spec.ref, NOTHING_APPLIED)
            now = {at: text for at, text in self.applied(spec, {}).claims.items() if not at.startswith("!")}
            begun[spec.ref] = replace(before, claims={**before.claims, **now})
        return begun

    def _coming(self, changes: list[Change]) -> dict[Ref, Applied | None]:
        """What new volumes are made from, which a run that was killed could not find out any more."""
        specs = (self.workspace.desired.specs[change.key] for change in changes if change.action is Action.CREATE)
        origins = ((spec.ref, images.origin_of(spec, self.workspace.today)) for spec in specs)
        return {ref: Applied(origin=origin) for ref, origin in origins if origin}

    def _made_along(self, change: Change) -> None:
        """What the volumes are made from that a machine's change has made anew."""
        for ref in sorted(images.made_by(change) - {change.ref}):
            spec = self.workspace.desired.specs.get((change.host, ref))
            known = self._applied.get(ref) or self.host.ledger.applied(ref)
            if spec is not None and known is not None:
                self._applied[ref] = replace(known, origin=images.origin_of(spec, self.workspace.today))

    def _origin(self, change: Change, spec: Spec) -> Texts:
        """What an object was made from: by this change, or as it is known."""
        if change.action in (Action.CREATE, Action.REPLACE):
            return images.origin_of(spec, self.workspace.today)
        known = self.host.ledger.applied(change.ref) if images.IMAGE in spec.claims else None
        return known.origin if known else {}

    def seen(self, change: Change, observed: Observed | None, applied: Applied | None) -> None:
        """Take note of what an object looks like after its change."""
        with self._guard:
            self._seen[change.ref] = (observed, applied)
            if observed is not None:
                self.latest[change.ref] = observed

    def returned(self, change: Change, observed: Observed) -> None:
        """Take note that an object, unhealthy after its change, has the definition of before again."""
        with self._guard:
            self._returned[change.ref] = self.latest[change.ref] = observed

    def starting(self, change: Change) -> None:
        """Take note that a machine is about to be started."""
        with self._guard:
            self._starts[change.ref] = self.clock.today()

    def after(self, outcome: Outcome) -> None:
        """Put one outcome into the next commit. What has failed after all its steps were done is on the host."""
        change = outcome.change
        crashes = self._crashes(change)
        if change.ref in self._returned:
            self._there_and_back(change, self._returned.pop(change.ref))
        elif outcome.result is Result.DONE or change.ref in self._seen:
            unhealthy = outcome.problem is not None and outcome.problem.number == "R612"
            self._note(change, ", and it is unhealthy" if unhealthy else "")
        elif change.action is Action.CREATE and outcome.problem is not None and outcome.problem.number == "R506":
            # Somebody else made it: nothing was begun, so it is not ours until it is adopted.
            self._objects.pop(change.ref, None)
            self._lines.append(f"left alone {change.ref}")
        self._mind(change, crashes)
        if len(self._lines) >= BATCH or self.clock.now() - self._written > SECONDS:
            self.write()

    def _there_and_back(self, change: Change, back: Observed) -> None:
        """Two commits: the change as it was done, then the definition of before, with the change to be remembered."""
        owned = self._objects[change.ref]
        applied = self._applied.get(change.ref) or self.host.ledger.applied(change.ref)
        self._note(change, ", and it is unhealthy")
        self.write()
        digest = self.workspace.desired.specs[change.key].digest
        self._objects[change.ref] = replace(owned, uuid=back.uuid, intended=False, unhealthy=digest)
        self._definitions[change.ref] = back.xml
        self._applied[change.ref] = applied
        self._commit(f"rolled back {change.ref}: it was unhealthy, and has its definition of before again")

    def _note(self, change: Change, more: str = "") -> None:
        observed, applied = self._seen.pop(change.ref, (None, None))
        self._lines.append(_line(change) + more)
        if change.action in (Action.DELETE, Action.FORGET):
            self._let_go(change.ref)
            return
        if change.observed is not None and change.observed.ref != change.ref:
            self._let_go(change.observed.ref)
        spec = self.workspace.desired.specs[change.key]
        known = self._objects.get(change.ref) if change.action is Action.ADOPT else None
        self._objects[change.ref] = replace(self._owned(spec, observed), unhealthy=known.unhealthy if known else "")
        self._definitions[change.ref] = observed.xml if observed else None
        self._applied[change.ref] = replace(applied, origin=self._origin(change, spec)) if applied else None
        self._made_along(change)

    def _crashes(self, change: Change) -> Crashes | None:
        """What to remember of its crashes after this change: a start after one counts, whatever became of it."""
        owned, started = self._objects.get(change.ref), self._starts.pop(change.ref, "")
        former = owned.crashes if owned else None
        if not started or change.observed is None:
            return former
        crashed = change.observed.facts.get(CRASHED) == "yes"
        return backoff.counted(former, change.spec_digest, started) if crashed else None

    def _mind(self, change: Change, crashes: Crashes | None) -> None:
        owned = self._objects.get(change.ref)
        if owned is None or owned.crashes == crashes:
            return
        self._objects[change.ref] = replace(owned, crashes=crashes)
        if crashes:
            self._lines.append(f"{change.ref}: start {crashes.count} in a row after a crash")

    def recover(self) -> None:
        """Forget the crashes of what has run long enough since."""
        for ref, owned in sorted(self._objects.items()):
            observed = self.host.observed.get(ref)
            if owned.crashes and observed and backoff.has_recovered(owned.crashes, observed, self.workspace.today):
                self._objects[ref] = replace(owned, crashes=None)
                self._lines.append(f"{ref}: has recovered from its crashes")

    def _let_go(self, ref: Ref) -> None:
        self._objects.pop(ref, None)
        self._definitions[ref] = None
        self._applied[ref] = None

    def _owned(self, spec: Spec, observed: Observed | None) -> Owned:
        return Owned(
            ref=spec.ref,
            uuid=observed.uuid if observed else "",
            digest=spec.digest,
            owner=self.workspace.desired.owners[0],
            protect=spec.policy.protect,
            deletion=spec.policy.deletion,
        )

    def carried(self, spec: Spec, former: Ref) -> Applied:
        """What the ledger knows of the object under its former Ref, and the document's fields as well."""
        before = self.host.ledger.applied(former) or NOTHING_APPLIED
        now = self.applied(spec, _spelled(spec, before), before.leaving)
        # A secret that no host shows counts as ours when we have set it, and not before.
        shown = {address: value for address, value in now.claims.items() if not is_seal(value)}
        return replace(now, claims={**before.claims, **shown}, origin=before.origin)

    def applied(self, spec: Spec, settled: Mapping[str, tuple[str, str]], leaving: tuple[Address, ...] = ()) -> Applied:
        """The managed fields of a document as applied, without the values of its secrets."""
        kind = self.workspace.kinds[spec.ref.kind]
        private = entries.secrets(spec.claims, kind.table)
        # What a host does not show is known by its seal. Nothing can be made of it without the key, and it differs from
        # resource to resource, so that nobody learns one by asking for the same elsewhere.
        sealed = kind.rename is None
        claims = {
            address: value if address not in private or (sealed and is_seal(value)) else HIDDEN
            for address, value in spec.claims.items()
        }
        spelled = {at: pair for at, pair in settled.items() if at not in private}
        return Applied(claims=claims, settled=spelled, leaving=leaving)

    def keep_up(self, changing: Collection[Ref]) -> None:
        """Note the documents that ask for nothing new of the host but say something else than at their last apply.

        A field that the host had already is managed from now on, and `protect` counts from now on.
        """
        wanted = planning.taking_part(self.workspace, self._inventory)
        for (host, ref), spec in self.workspace.desired.specs.items():
            owned = self._objects.get(ref)
            observed = self.host.observed.get(ref)
            if host != self.host.host or owned is None or observed is None:
                continue
            if owned.digest == spec.digest and not owned.unhealthy:
                continue
            if not wanted(ref) or owned.owner not in self.workspace.desired.owners:
                continue
            mode = spec.policy.mode.at_most(self.workspace.settings.mode)
            if ref in changing or mode is not Mode.ENFORCE:
                self._heed(spec, owned)
            else:
                self._objects[ref] = self._owned(spec, observed)
                before = self.host.ledger.applied(ref) or NOTHING_APPLIED
                now = self.applied(spec, _spelled(spec, before), before.leaving)
                self._applied[ref] = replace(now, origin=before.origin)
                self._lines.append(f"{ref}: now as its document says")

    def _heed(self, spec: Spec, owned: Owned) -> None:
        """Note what a document permits, whatever becomes of its change: one that is refused must not unprotect it."""
        heeding = replace(owned, protect=spec.policy.protect, deletion=spec.policy.deletion)
        if heeding != owned:
            self._objects[spec.ref] = heeding
            self._lines.append(f"{spec.ref}: protect and deletionPolicy now as its document says")

    def write(self) -> None:
        """Commit what has gathered."""
        if self._lines:
            who = self.revision[:12] if self.revision else "without a revision"
            self._commit(f"applied {who}: {_names(self._lines)}")
            self._lines.clear()
        self._written = self.clock.now()

    def _commit(self, message: str) -> None:
        inventory = replace(self._inventory, objects=dict(self._objects))
        change = LedgerChange(
            inventory=inventory, definitions=dict(self._definitions), applied=dict(self._applied), message=message
        )
        self.host.ledger.record(change)
        self._definitions.clear()
        self._applied.clear()


def _spelled(spec: Spec, before: Applied) -> dict[str, tuple[str, str]]:
    """What libvirt spelled its own way before, where the document still asks for the same."""
    return {at: pair for at, pair in before.settled.items() if spec.claims.get(at) == pair[0]}


def _line(change: Change) -> str:
    """`Domain/web-1: memory.current 2GiB -> 4GiB`, the first fields of it."""
    said = [f"{field.path} {field.before or '-'} -> {field.after or '-'}" for field in change.fields[:NAMED]]
    more = f" and {len(change.fields) - NAMED} more" if len(change.fields) > NAMED else ""
    if change.action in (Action.CREATE, Action.DELETE) or not said:
        return f"{change.action.value} {change.ref}"
    return f"{change.ref}: {', '.join(said)}{more}"


def _names(lines: list[str]) -> str:
    """A subject line, and every line below it where there are several."""
    if len(lines) == 1:
        return lines[0]
    listed = "\n".join(lines)
    return f"{len(lines)} changes\n\n{listed}"
