"""What every ledger promises: the real one in git and the fake that other tests use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reconciler.adapters.ledger import GitLedger
from reconciler.errors import BusyError, ReconcilerError
from reconciler.model.documents import Deletion
from reconciler.model.inventory import Applied, Inventory, Owned
from reconciler.model.refs import Ref
from reconciler.ports import Ledger, LedgerChange
from tests.contract.fakes import FakeClock, FakeLedger, Shelf

FOLDERS = {"Domain": "domains", "Volume": "volumes"}
WEB, DATA = Ref("Domain", "web-1"), Ref("Volume", "default/web-1-data")

# Opens the ledger of a host on what the other ledgers of the test share.
Open = Callable[[str], Ledger]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["fake", "git"])
def open_ledger(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Open:
    shelf = Shelf()

    def fake(host: str) -> Ledger:
        return FakeLedger(host, shelf, clock)

    def real(host: str) -> Ledger:
        return GitLedger(tmp_path / "state" / "ledger.git", host, folders=FOLDERS, clock=clock)

    return fake if request.param == "fake" else real


def owned(ref: Ref, digest: str = "d1") -> Owned:
    return Owned(ref=ref, uuid="11111111-2222-3333-4444-555555555555", digest=digest, owner="git:0123456789ab")


def change(
    *objects: Owned,
    definitions: Mapping[Ref, str | None] | None = None,
    applied: Mapping[Ref, Applied | None] | None = None,
    message: str = "apply",
) -> LedgerChange:
    inventory = Inventory(host="hv1", objects={each.ref: each for each in objects})
    return LedgerChange(inventory=inventory, definitions=definitions or {}, applied=applied or {}, message=message)


def test_a_host_without_history_owns_nothing(open_ledger: Open) -> None:
    ledger = open_ledger("hv1")
    assert ledger.inventory() == Inventory(host="hv1")
    assert ledger.applied(WEB) is None
    assert ledger.definition(WEB) is None
    assert list(ledger.versions(WEB)) == []


def test_what_was_recorded_is_read_by_the_next_process(open_ledger: Open) -> None:
    applied = Applied(claims={"vcpu": "2", "title": None}, settled={"memory": ("2048", "2097152")})
    mine = Owned(ref=DATA, uuid="", digest="d", owner="o", protect=True, deletion=Deletion.DELETE, intended=True)
    definitions = {WEB: "<domain/>\n", DATA: "<volume/>\n"}
    open_ledger("hv1").record(change(owned(WEB), mine, definitions=definitions, applied={WEB: applied}))

    ledger = open_ledger("hv1")
    assert ledger.inventory() == Inventory(host="hv1", objects={WEB: owned(WEB), DATA: mine})
    assert ledger.applied(WEB) == applied
    assert ledger.applied(DATA) is None
    assert ledger.definition(WEB) == "<domain/>\n"
    assert ledger.definition(DATA) == "<volume/>\n"


def test_a_change_is_seen_at_once_by_who_made_it(open_ledger: Open) -> None:
    ledger = open_ledger("hv1")
    ledger.record(change(owned(WEB), definitions={WEB: "<domain/>"}, applied={WEB: Applied(claims={"vcpu": "1"})}))
    ledger.record(change(owned(WEB, "d2"), applied={WEB: Applied(claims={"vcpu": "2"})}))
    assert ledger.applied(WEB) == Applied(claims={"vcpu": "2"})
    assert ledger.definition(WEB) == "<domain/>"
    assert ledger.inventory().objects[WEB].digest == "d2"


def test_none_removes(open_ledger: Open) -> None:
    ledger = open_ledger("hv1")
    ledger.record(change(owned(WEB), definitions={WEB: "<domain/>"}, applied={WEB: Applied()}))
    ledger.record(change(definitions={WEB: None, DATA: None}, applied={WEB: None}))
    for reader in (ledger, open_ledger("hv1")):
        assert reader.definition(WEB) is None
        assert reader.applied(WEB) is None
        assert reader.inventory().objects == {}


def test_recording_the_same_again_makes_no_version(open_ledger: Open) -> None:
    same = change(owned(WEB), definitions={WEB: "<domain/>"}, applied={WEB: Applied(claims={"vcpu": "1"})})
    first = open_ledger("hv1").record(same)
    assert open_ledger("hv1").record(same) == first
    assert len(list(open_ledger("hv1").versions(WEB))) == 1


def test_recording_nothing_on_a_new_host_makes_no_version(open_ledger: Open) -> None:
    assert open_ledger("hv1").record(change()) == ""


def test_versions_are_those_of_one_object_newest_first(open_ledger: Open, clock: FakeClock) -> None:
    ledger = open_ledger("hv1")
    made = ledger.record(change(owned(WEB), definitions={WEB: "<domain>1</domain>"}, message="made web-1\n\nbody"))
    ledger.record(change(owned(WEB), definitions={DATA: "<volume/>"}, message="made the volume"))
    clock.moment = "2026-11-23T03:00:00Z"
    grown = ledger.record(change(owned(WEB), applied={WEB: Applied(claims={"vcpu": "2"})}, message="2 vCPUs"))

    newest, oldest = open_ledger("hv1").versions(WEB)
    assert (newest.commit, newest.when, newest.subject) == (grown, "2026-11-23T03:00:00Z", "2 vCPUs")
    assert (oldest.commit, oldest.when, oldest.subject) == (made, "2026-11-22T02:00:00Z", "made web-1")


def test_a_definition_of_old_is_found_by_its_commit(open_ledger: Open) -> None:
    ledger = open_ledger("hv1")
    first = ledger.record(change(owned(WEB), definitions={WEB: "<domain>1</domain>"}))
    ledger.record(change(owned(WEB), definitions={WEB: "<domain>2</domain>"}))
    for commit in (first, first[:12]):
        assert open_ledger("hv1").definition(WEB, commit) == "<domain>1</domain>"
    assert open_ledger("hv1").definition(DATA, first) is None


@pytest.mark.parametrize("commit", ["feedfacefeedface", "HEAD", "--all", "no such\nname"])
def test_an_unknown_version_is_refused(open_ledger: Open, commit: str) -> None:
    open_ledger("hv1").record(change(owned(WEB), definitions={WEB: "<domain/>"}))
    with pytest.raises(ReconcilerError, match="R702"):
        open_ledger("hv1").definition(WEB, commit)


def test_a_version_of_another_host_is_refused(open_ledger: Open) -> None:
    open_ledger("hv1").record(change(owned(WEB), definitions={WEB: "<domain/>"}))
    foreign = open_ledger("hv2").record(change(owned(WEB), definitions={WEB: "<domain>foreign</domain>"}))
    with pytest.raises(ReconcilerError, match="R702"):
        open_ledger("hv1").definition(WEB, foreign)


def test_of_two_writers_the_second_is_refused_and_nothing_is_lost(open_ledger: Open) -> None:
    open_ledger("hv1").record(change(owned(WEB)))
    first, second = open_ledger("hv1"), open_ledger("hv1")
    first.inventory(), second.inventory()
    first.record(change(owned(WEB, "first")))
    with pytest.raises(BusyError, match="R507"):
        second.record(change(owned(WEB, "second")))
    assert open_ledger("hv1").inventory().objects[WEB].digest == "first"


def test_of_two_first_writers_the_second_is_refused(open_ledger: Open) -> None:
    first, second = open_ledger("hv1"), open_ledger("hv1")
    first.inventory(), second.inventory()
    first.record(change(owned(WEB, "first")))
    with pytest.raises(BusyError, match="R507"):
        second.record(change(owned(WEB, "second")))
    assert open_ledger("hv1").inventory().objects[WEB].digest == "first"


def test_who_looks_again_may_write(open_ledger: Open) -> None:
    first, second = open_ledger("hv1"), open_ledger("hv1")
    second.inventory()
    first.record(change(owned(WEB, "first")))
    assert second.inventory().objects[WEB].digest == "first"
    second.record(change(owned(WEB, "second")))
    assert first.inventory().objects[WEB].digest == "second"


def test_hosts_do_not_disturb_each_other(open_ledger: Open) -> None:
    one, other = open_ledger("hv1"), open_ledger("hv2")
    one.inventory(), other.inventory()
    one.record(change(owned(WEB, "one")))
    other.record(change(owned(WEB, "other")))
    assert one.inventory().objects[WEB].digest == "one"
    assert other.inventory().objects[WEB].digest == "other"


def test_a_password_never_reaches_the_ledger(open_ledger: Open) -> None:
    xml = "<domain><devices><graphics type='vnc' passwd='hunter2'/></devices></domain>"
    open_ledger("hv1").record(change(owned(WEB), definitions={WEB: xml}))
    kept = open_ledger("hv1").definition(WEB)
    assert kept is not None
    assert "graphics" in kept
    assert "hunter2" not in kept
