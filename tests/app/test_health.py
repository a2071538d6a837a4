"""A machine watched after its change: on libvirt's test driver, with a network and a clock that the test plays."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import libvirt
import pytest

from reconciler import markup
from reconciler.app import plan as planning
from reconciler.app import rollback as rolling
from reconciler.app import wiring
from reconciler.app.apply import execute
from reconciler.app.desired import Desired, NoCache
from reconciler.app.perform import Run
from reconciler.app.session import Session, Workspace, look_at
from reconciler.app.settings import Selection, Settings
from reconciler.app.understand import digest_of
from reconciler.errors import trouble
from reconciler.kind import Context
from reconciler.model.documents import Document, Place
from reconciler.model.outcomes import Result
from reconciler.model.plans import Allow, Define, Stop
from reconciler.model.refs import Ref
from reconciler.ports import Answer
from tests.contract.fakes import FakeClock, FakeLedger, Shelf

WEB = Ref("Domain", "web")
PROBES = [{"tcp": 22, "host": "web.example.org"}]
SMALL, LARGE = {"memory": "64MiB"}, {"memory": "128MiB"}
MAY = {"restartPolicy": "whenRequired"}


@dataclass
class Reach:
    """`ports.Reach` that asks the test what the machine's network says now."""

    says: Callable[[], str] = lambda: ""
    asked: list[object] = field(default_factory=list)

    def connect(self, host: str, port: int, seconds: float) -> str:
        self.asked.append((host, port))
        return self.says()

    def get(self, url: str, seconds: float) -> Answer:
        self.asked.append(url)
        said = self.says()
        return Answer(status=int(said)) if said.isdecimal() else Answer(said=said)


@dataclass
class Bench:
    """One machine on the test driver, and the ledger that remembers it."""

    host: libvirt.virConnect
    reach: Reach
    clock: FakeClock
    shelf: Shelf = field(default_factory=Shelf)
    stopping: Callable[[], bool] = lambda: False
    obey: Callable[[object], None] = lambda step: None

    def kind(self):
        """The Domain kind; `obey` may refuse a step."""
        kind = wiring.kinds()["Domain"]

        def perform(handle, ref, step, clock):
            self.obey(step)
            kind.perform(handle, ref, step, clock)

        return replace(kind, perform=perform)

    def spec(self, **body):
        whole = {"type": "test", "arch": "i686", **SMALL, **body}
        document = Document(ref=WEB, host=None, labels={}, body=whole, places={(): Place("web.yaml")})
        spec = self.kind().parse(document, Context("h", "me"))
        return replace(spec, digest=digest_of(spec))

    def workspace(self, spec, *allow):
        kinds = {"Domain": self.kind()}
        observed = {ref: seen for ref, seen in look_at(self.host, "h", kinds).items() if ref == WEB}
        session = Session(host="h", uri=None, handle=self.host, ledger=FakeLedger("h", self.shelf), observed=observed)
        return Workspace(
            settings=Settings(directory=Path(), state_dir=Path(), cache_dir=Path()),
            selection=Selection(allow=frozenset(allow)),
            desired=Desired(specs={("h", WEB): spec}, hosts={}, revision="abc", owners=("me",)),
            kinds=kinds,
            cache=NoCache(),
            sessions={"h": session},
        )

    def plan(self, *allow, **body):
        return planning.make(self.workspace(self.spec(**body), *allow))

    def apply(self, *allow, **body):
        """The outcome of the machine's only change; None where there is nothing to change."""
        workspace = self.workspace(self.spec(**body), *allow)
        run = Run(approve=lambda plan: True, report=lambda outcome: None, stopping=self.stopping)
        outcomes = execute(workspace, planning.make(workspace), run).outcomes
        assert len(outcomes) <= 1
        return outcomes[0] if outcomes else None

    def made(self, **body):
        """The machine, running and healthy, with what a test needs of a document."""
        assert self.apply(**body).result is Result.DONE
        self.reach.asked.clear()
        self.clock.seconds = 0.0

    def memory(self, live=True):
        xml = markup.parse(self.host.lookupByName("web").XMLDesc(0 if live else libvirt.VIR_DOMAIN_XML_INACTIVE))
        return int(xml.findtext("memory")) >> 10

    def subjects(self):
        return [commit.version.subject for commit in self.shelf.commits["h"]]

    def owned(self):
        return FakeLedger("h", self.shelf).inventory().objects[WEB]

    def unhealthy_with(self, memory):
        """From now on the network does not answer while the running guest has this much memory."""
        self.reach.says = lambda: "connection refused" if self.memory() == memory else ""


@pytest.fixture
def bench(monkeypatch):
    libvirt.registerErrorHandler(lambda context, error: None, None)
    host = libvirt.open("test:///default")
    reach, clock = Reach(), FakeClock()
    monkeypatch.setattr(wiring, "clock", lambda: clock)
    monkeypatch.setattr(wiring, "reach", lambda: reach)
    yield Bench(host, reach, clock)
    for domain in host.listAllDomains():
        if domain.name() == "web":
            if domain.isActive():
                domain.destroy()
            domain.undefineFlags(0)
    host.close()


def health(on_failure="report", probes=PROBES, timeout="30s"):
    return {"health": {"timeout": timeout, "onFailure": on_failure, "probes": probes}}


def test_a_new_machine_is_waited_for_until_its_probes_pass(bench):
    bench.reach.says = lambda: "" if bench.clock.seconds >= 7 else "no route to host"
    assert bench.apply(**health()).result is Result.DONE
    assert 7 <= bench.clock.seconds < 9 and set(bench.reach.asked) == {("web.example.org", 22)}


def test_a_machine_that_does_not_become_healthy_in_time_fails_with_what_the_probe_saw(bench):
    bench.reach.says = lambda: "connection refused"
    outcome = bench.apply(**health())
    assert (outcome.result, outcome.problem.number) == (Result.FAILED, "R612")
    assert "tcp web.example.org:22: connection refused" in outcome.problem.message
    assert 30 <= bench.clock.seconds < 32
    # What was done is on the host and written down: nothing is left to do.
    assert bench.plan(**health()).changes == ()
    assert bench.subjects()[-1] == "applied abc: create Domain/web, and it is unhealthy"


def test_a_new_machine_is_never_rolled_back(bench):
    bench.reach.says = lambda: "connection refused"
    outcome = bench.apply(**health("rollback"))
    assert outcome.problem.number == "R612" and "it is new" in outcome.problem.message
    assert bench.host.lookupByName("web").isActive()


@pytest.mark.parametrize(
    "body",
    [
        {"title": "Web"},
        {"autostart": True},
        {"onReboot": "destroy"},
        {"health": {"timeout": "10s", "probes": PROBES}},
    ],
    ids=["title", "autostart", "next-boot", "health"],
)
def test_a_change_that_does_not_reach_the_guest_is_not_probed(bench, body):
    bench.made(**health())
    bench.reach.says = lambda: "connection refused"
    outcome = bench.apply(**{**health(), **body})
    assert outcome is None or outcome.result is Result.DONE
    assert bench.reach.asked == []


def test_a_change_of_the_probes_alone_is_no_change(bench):
    bench.made(**health())
    assert bench.plan(**health("rollback", timeout="5m")).changes == ()


def test_a_machine_that_is_to_be_stopped_is_not_probed(bench):
    bench.made(**health())
    assert bench.apply(**health(), power="stopped").result is Result.DONE
    assert bench.reach.asked == []


def test_a_healthy_machine_that_a_change_makes_unhealthy_gets_its_definition_of_before_back(bench):
    bench.made(**MAY, **health("rollback"))
    bench.unhealthy_with(128)
    outcome = bench.apply(**MAY, **LARGE, **health("rollback"))
    assert (outcome.result, outcome.problem.number) == (Result.FAILED, "R613")
    assert "tcp web.example.org:22: connection refused" in outcome.problem.message
    assert outcome.problem.message.endswith("rolled back to the definition of before, and it is healthy again")
    assert (bench.memory(), bench.memory(live=False)) == (64, 64)
    applied, back = bench.subjects()[-2:]
    assert applied.startswith("applied abc: Domain/web: memory") and applied.endswith(", and it is unhealthy")
    assert back.startswith("rolled back Domain/web")
    old, new, again = [commit.definitions[WEB] for commit in bench.shelf.commits["h"][-3:]]
    assert old == again != new


def test_what_made_it_unhealthy_is_not_tried_again_until_somebody_says_so(bench):
    bench.made(**MAY, **health("rollback"))
    bench.unhealthy_with(128)
    bench.apply(**MAY, **LARGE, **health("rollback"))
    (change,) = bench.plan(**MAY, **LARGE, **health("rollback")).changes
    assert (change.blocked.number, change.blocked.allow) == ("R514", Allow.RETRY)
    assert bench.apply(**MAY, **LARGE, **health("rollback")).result is Result.SKIPPED
    assert bench.apply(Allow.RETRY, **MAY, **LARGE, **health("rollback")).problem.number == "R613"
    bench.reach.says = lambda: ""
    assert bench.apply(Allow.RETRY, **MAY, **LARGE, **health("rollback")).result is Result.DONE
    assert bench.memory() == 128 and bench.owned().unhealthy == ""


def test_another_document_is_tried(bench):
    bench.made(**MAY, **health("rollback"))
    bench.unhealthy_with(128)
    bench.apply(**MAY, **LARGE, **health("rollback"))
    assert bench.owned().unhealthy
    assert bench.apply(**MAY, memory="96MiB", **health("rollback")).result is Result.DONE
    assert bench.owned().unhealthy == ""


def test_a_document_that_goes_back_clears_the_memory_of_the_failure(bench):
    bench.made(**MAY, **health("rollback"))
    bench.unhealthy_with(128)
    bench.apply(**MAY, **LARGE, **health("rollback"))
    assert bench.apply(**MAY, **health("rollback")) is None
    assert bench.owned().unhealthy == ""


def test_a_rollback_by_hand_does_not_forget_what_made_it_unhealthy(bench, monkeypatch):
    bench.made(**MAY, **health("rollback"))
    first = bench.shelf.commits["h"][-1].version.commit
    assert bench.apply(**MAY, memory="96MiB", **health("rollback")).result is Result.DONE
    bench.unhealthy_with(128)
    bench.apply(**MAY, **LARGE, **health("rollback"))
    known = bench.owned().unhealthy

    @contextmanager
    def opened(settings, selection, operation):
        yield bench.workspace(bench.spec(**MAY, **LARGE, **health("rollback")))

    monkeypatch.setattr(rolling.session, "opened", opened)
    nothing = (lambda plan: True, lambda outcome: None, lambda: False)
    done = rolling.rollback(bench.workspace(bench.spec()).settings, WEB, first, frozenset(), *nothing)
    assert [outcome.result for outcome in done.outcomes] == [Result.DONE]
    assert bench.memory() == 64 and bench.owned().unhealthy == known != ""
    (change,) = bench.plan(**MAY, **LARGE, **health("rollback")).changes
    assert change.blocked.number == "R514"


def test_a_machine_that_was_unhealthy_before_is_not_rolled_back(bench):
    bench.made(**MAY, **health("rollback"))
    bench.reach.says = lambda: "connection refused"
    outcome = bench.apply(**MAY, **LARGE, **health("rollback"))
    assert outcome.problem.number == "R612" and "before the change as well" in outcome.problem.message
    assert bench.memory() == 128
    assert bench.plan(**MAY, **LARGE, **health("rollback")).changes == ()


def test_a_machine_that_did_not_run_before_is_not_rolled_back(bench):
    bench.made(**health("rollback"), power="stopped")
    bench.reach.says = lambda: "connection refused"
    outcome = bench.apply(**LARGE, **health("rollback"))
    assert outcome.problem.number == "R612" and "did not run before" in outcome.problem.message
    assert bench.memory() == 128


def test_without_rollback_in_the_document_the_new_definition_stays(bench):
    bench.made(**MAY, **health())
    bench.unhealthy_with(128)
    assert bench.apply(**MAY, **LARGE, **health()).problem.number == "R612"
    assert bench.memory() == 128


def test_a_machine_that_stays_unhealthy_after_its_rollback_is_said_to(bench):
    bench.made(**MAY, **health("rollback"))
    bench.reach.says = one_by_one(["", "connection refused"])
    outcome = bench.apply(**MAY, **LARGE, **health("rollback"))
    assert outcome.problem.number == "R613"
    assert "but it is still unhealthy: tcp web.example.org:22: connection refused" in outcome.problem.message
    assert bench.memory() == 64


def one_by_one(said):
    """Each of the answers once, then the last of them for ever."""
    rest = list(said)
    return lambda: rest.pop(0) if len(rest) > 1 else rest[0]


def test_a_live_change_goes_back_live_and_without_a_restart(bench):
    balloon = {"memory": {"max": "128MiB", "current": "128MiB"}}
    bench.made(**balloon, **health("rollback"))
    number = bench.host.lookupByName("web").ID()
    bench.reach.says = lambda: "connection refused" if bench.host.lookupByName("web").info()[2] < 100 << 10 else ""
    outcome = bench.apply(memory={"max": "128MiB", "current": "64MiB"}, **health("rollback"))
    assert outcome.problem.number == "R613" and "healthy again" in outcome.problem.message
    domain = bench.host.lookupByName("web")
    assert domain.ID() == number and domain.info()[2] == 128 << 10


def test_what_cannot_go_back_live_waits_for_a_restart_that_nobody_permitted(bench):
    bench.made(vcpus={"max": 2, "current": 1}, **health("rollback"))
    bench.reach.says = lambda: "connection refused" if bench.host.lookupByName("web").info()[3] == 2 else ""
    outcome = bench.apply(vcpus=2, **health("rollback"))
    assert outcome.problem.number == "R613"
    assert outcome.problem.message.endswith("but the running guest keeps what it has until it restarts")
    plan = bench.plan(vcpus=2, **health("rollback"))
    assert [change.blocked.number for change in plan.changes] == ["R514"]
    assert [condition.type for condition in plan.conditions] == ["RestartPending"]


def test_a_machine_that_vanishes_while_it_is_waited_for_is_not_made_again(bench):
    bench.made(**MAY, **health("rollback"))

    def gone():
        domain = bench.host.lookupByName("web")
        if domain.isActive() and bench.memory() == 128:
            domain.destroy()
            domain.undefineFlags(0)
            return "connection refused"
        return ""

    bench.reach.says = gone
    outcome = bench.apply(**MAY, **LARGE, **health("rollback"))
    assert outcome.problem.number == "R612" and "has vanished meanwhile" in outcome.problem.message
    assert "web" not in [domain.name() for domain in bench.host.listAllDomains()]


def test_a_host_that_is_lost_during_a_rollback_is_what_is_said(bench):
    bench.made(**MAY, **health("rollback"))
    bench.unhealthy_with(128)
    bench.obey = refusing(Define, 1, "R602")
    assert bench.apply(**MAY, **LARGE, **health("rollback")).problem.number == "R602"
    bench.obey = lambda step: None
    assert bench.plan(**MAY, **LARGE, **health("rollback")).changes == ()


def refusing(kind, times, number="R606"):
    """A host that carries out so many steps of a kind and refuses the rest of them."""
    left = [times]

    def obey(step):
        if isinstance(step, kind):
            left[0] -= 1
            if left[0] < 0:
                raise trouble(number, "the guest did not hear")

    return obey


def test_a_guest_that_does_not_stop_for_its_rollback_has_the_definition_of_before_all_the_same(bench):
    bench.made(**MAY, **health("rollback"))
    bench.unhealthy_with(128)
    bench.obey = refusing(Stop, 1)
    outcome = bench.apply(**MAY, **LARGE, **health("rollback"))
    assert outcome.problem.number == "R613" and outcome.problem.message.endswith("but the guest did not hear")
    assert (bench.memory(), bench.memory(live=False)) == (128, 64)
    assert bench.owned().unhealthy


def test_what_a_guest_does_not_let_go_of_keeps_no_other_step_of_its_rollback_from_happening(bench):
    bench.made(**MAY, **health("rollback"))
    bench.unhealthy_with(128)
    taken, refuse = [], refusing(Stop, 1, "R611")

    def obey(step):
        taken.append(type(step).__name__)
        refuse(step)

    bench.obey = obey
    outcome = bench.apply(**MAY, **LARGE, **health("rollback"))
    assert outcome.problem.number == "R613" and outcome.problem.message.endswith("but the guest did not hear")
    assert taken == ["Define", "Stop", "Start"] * 2


def test_a_rollback_that_the_host_refuses_leaves_the_change_as_it_is_and_says_so(bench):
    bench.made(**MAY, **health("rollback"))
    bench.unhealthy_with(128)
    bench.obey = refusing(Define, 1)
    outcome = bench.apply(**MAY, **LARGE, **health("rollback"))
    assert outcome.problem.number == "R612" and "could not be rolled back" in outcome.problem.message
    assert bench.memory(live=False) == 128 and bench.owned().unhealthy == ""
    bench.obey = lambda step: None
    assert bench.plan(**MAY, **LARGE, **health("rollback")).changes == ()


def test_nobody_is_kept_waiting_after_a_rollback_either(bench):
    bench.made(**MAY, **health("rollback"))
    bench.unhealthy_with(128)
    bench.stopping = lambda: bench.clock.seconds >= 30 and bench.memory() == 64
    outcome = bench.apply(**MAY, **LARGE, **health("rollback"))
    assert outcome.problem.number == "R613" and "nobody waited" in outcome.problem.message
    assert bench.memory() == 64


def test_a_restart_that_the_operator_permitted_may_be_taken_back_by_a_restart(bench):
    bench.made(**health("rollback"))
    bench.unhealthy_with(128)
    assert bench.apply(Allow.RESTART, **LARGE, **health("rollback")).problem.number == "R613"
    assert bench.memory() == 64


def test_a_restart_into_the_same_definition_has_nothing_to_go_back_to(bench):
    bench.made(**health("rollback"))
    assert bench.apply(**LARGE, **health("rollback")).result is Result.DONE
    bench.unhealthy_with(128)
    outcome = bench.apply(Allow.RESTART, **LARGE, **health("rollback"))
    assert outcome.problem.number == "R612" and "nothing to roll back" in outcome.problem.message


def test_somebody_who_asks_to_stop_is_not_kept_waiting(bench):
    bench.reach.says = lambda: "connection refused"
    bench.stopping = lambda: bench.clock.seconds >= 3
    outcome = bench.apply(**health(timeout="1h"))
    assert (outcome.result, outcome.problem.number) == (Result.FAILED, "R509")
    assert bench.clock.seconds < 5
    bench.stopping = lambda: False
    assert bench.apply(**health()) is None


def test_a_machine_that_goes_off_while_it_is_waited_for_is_unhealthy_whatever_answers(bench):
    def off():
        domain = bench.host.lookupByName("web")
        if domain.isActive():
            domain.destroy()
        return "connection refused"

    bench.reach.says = off
    assert "it is not running" in bench.apply(**health()).problem.message
    assert bench.clock.seconds < 5


def test_a_machine_that_a_live_change_brings_down_is_up_again_after_its_rollback(bench):
    bench.made(vcpus={"max": 2, "current": 1}, **health("rollback"))

    def off():
        domain = bench.host.lookupByName("web")
        if domain.isActive() and domain.info()[3] == 2:
            domain.destroy()
            return "connection refused"
        return ""

    bench.reach.says = off
    outcome = bench.apply(vcpus=2, **health("rollback"))
    assert outcome.problem.number == "R613" and outcome.problem.message.endswith("healthy again")
    assert bench.host.lookupByName("web").info()[3] == 1


def test_the_guests_own_address_is_found_where_the_document_names_none(bench):
    # libvirt's test driver gives every interface an address, by the number of machines that it has started so far.
    asked = [{"agent": True}, {"address": "lease"}, {"tcp": 80}, {"http": "http://{address}:8080/up", "status": 204}]
    bench.reach.says = lambda: "204" if len(bench.reach.asked) % 2 == 0 else ""
    outcome = bench.apply(interfaces=[{"name": "lan", "network": "default"}], **health(probes=asked))
    assert outcome.result is Result.DONE
    (interface,) = (
        bench.host.lookupByName("web").interfaceAddresses(libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE).values()
    )
    (address,) = (each["addr"] for each in interface["addrs"])
    assert bench.reach.asked == [(address, 80), f"http://{address}:8080/up"]


def test_a_guest_without_an_address_cannot_be_reached(bench):
    outcome = bench.apply(**health(probes=[{"tcp": 80}], timeout="1s"))
    assert "tcp 80: no address is known of the guest" in outcome.problem.message and bench.reach.asked == []
    outcome = bench.apply(power="stopped", **health(probes=[{"address": "lease"}], timeout="1s"))
    outcome = bench.apply(**health(probes=[{"address": "lease"}], timeout="1s"))
    assert "address lease: no address is known of the guest" in outcome.problem.message


@pytest.mark.parametrize(
    ("status", "met", "healthy"),
    [(0, "200", True), (0, "302", True), (0, "404", False), (0, "500", False), (404, "404", True), (200, "204", False)],
)
def test_any_good_status_or_the_one_that_is_asked_for_will_do(bench, status, met, healthy):
    probe = {"http": "http://web.example.org/", **({"status": status} if status else {})}
    bench.reach.says = lambda: met
    outcome = bench.apply(**health(probes=[probe], timeout="1s"))
    assert (outcome.result is Result.DONE) is healthy
    assert healthy or f"http http://web.example.org/: status {met}" in outcome.problem.message
