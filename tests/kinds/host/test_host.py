"""The Host kind: only kernel tuning is kept equal; a five-line fake stands for libvirt."""

import pytest

from reconciler.errors import ReconcilerError
from reconciler.kind import Context, Facts, Judged, Situation
from reconciler.kinds.host import KIND
from reconciler.model.documents import Document
from reconciler.model.plans import Define, Diff, Disruption, KindStep
from reconciler.model.refs import Ref
from reconciler.shapes import schema

REF = Ref("Host", "hv1")
PARAMETERS = {
    "shm_pages_to_scan": 100,
    "shm_sleep_millisecs": 20,
    "shm_pages_shared": 7,
    "shm_merge_across_nodes": 1,
}


class FaultError(Exception):
    def __init__(self, code):
        self.code = code

    def get_error_code(self):
        return self.code


class Kernel:
    """A host whose parameters can be read and set, or whose driver answers with an error."""

    def __init__(self, parameters, error=None):
        self.parameters, self.error = dict(parameters), error

    def getMemoryParameters(self, flags):  # noqa: N802
        if self.error:
            raise self.error
        return dict(self.parameters)

    def setMemoryParameters(self, params, flags):  # noqa: N802
        self.parameters.update(params)
        return 0


def spec_of(**body):
    body = {"uri": "qemu:///system", **body}
    return KIND.parse(Document(ref=REF, host=None, labels={}, body=body), Context("hv1"))


def seen(kernel):
    return next(iter(KIND.observe(kernel)))


def test_only_tuning_is_claimed_of_the_host():
    spec = spec_of(
        default=True, policy={"overcommit": {"cpu": 4}, "protect": ["Domain/db-*"]}, ksm={"pagesToScan": 200}
    )
    assert spec.claims == {"!ksm.pagesToScan": "200"}


def test_a_host_is_observed_without_a_name_and_with_what_can_be_tuned():
    found = seen(Kernel(PARAMETERS))
    assert found.ref == Ref("Host", "")
    assert found.facts == {"!ksm.pagesToScan": "100", "!ksm.sleepMillisecs": "20", "!ksm.mergeAcrossNodes": "1"}


def test_looking_again_finds_the_host_under_its_name():
    assert KIND.look(Kernel(PARAMETERS), REF).ref == REF
    assert KIND.look(Kernel(PARAMETERS), REF).digest == seen(Kernel(PARAMETERS)).digest


def test_pages_that_come_and_go_are_no_change_of_the_host():
    busy = Kernel({**PARAMETERS, "shm_pages_shared": 4711})
    assert seen(busy).digest == seen(Kernel(PARAMETERS)).digest
    tuned = Kernel({**PARAMETERS, "shm_sleep_millisecs": 1})
    assert seen(tuned).digest != seen(Kernel(PARAMETERS)).digest


@pytest.mark.parametrize("code", [3, 84])
def test_a_driver_without_tuning_shows_none(code):
    assert seen(Kernel({}, FaultError(code))).facts == {}


def test_any_other_error_passes():
    with pytest.raises(FaultError):
        seen(Kernel({}, FaultError(38)))
    with pytest.raises(ZeroDivisionError):
        seen(Kernel({}, ZeroDivisionError()))


def test_what_cannot_be_tuned_is_said_before():
    spec = spec_of(ksm={"pagesToScan": 200, "mergeAcrossNodes": False})
    (problem,) = KIND.preflight(spec, seen(Kernel({"shm_pages_to_scan": 1})), Facts())
    assert (
        problem.number == "R401" and "ksm.mergeAcrossNodes" in problem.message and "pagesToScan" not in problem.message
    )
    assert KIND.preflight(spec, seen(Kernel(PARAMETERS)), Facts()) == ()
    assert KIND.preflight(spec_of(), None, Facts()) == ()


def test_a_difference_is_set_at_once_and_nothing_else():
    kernel = Kernel(PARAMETERS)
    situation = Situation(spec=spec_of(ksm={"pagesToScan": 200, "sleepMillisecs": 20}), observed=seen(kernel), texts={})
    diff = Diff("!ksm.pagesToScan", "100", "200")
    decision = KIND.judge(diff, situation)
    assert decision.disruption is Disruption.NONE
    (step,) = KIND.update(situation, [Judged(diff, decision)])
    assert step == KindStep("tune", {"shm_pages_to_scan": "200"})
    KIND.perform(kernel, REF, step, None)
    assert kernel.parameters == {**PARAMETERS, "shm_pages_to_scan": 200}


def test_tuning_that_leaves_the_document_stays_on_the_host():
    situation = Situation(spec=spec_of(), observed=seen(Kernel(PARAMETERS)), texts={})
    diff = Diff("!ksm.pagesToScan", "100", None)
    assert KIND.update(situation, [Judged(diff, KIND.judge(diff, situation))]) == ()


def test_a_host_is_never_made_or_removed():
    assert KIND.create(spec_of()) == ()
    assert KIND.create(spec_of(ksm={"sleepMillisecs": 5})) == (KindStep("tune", {"shm_sleep_millisecs": "5"}),)
    assert KIND.delete(seen(Kernel(PARAMETERS)), True, False) == ()


def test_a_foreign_step_is_a_bug():
    with pytest.raises(ReconcilerError, match="R999"):
        KIND.perform(Kernel({}), REF, Define("<x/>"), None)


def test_import_claims_what_the_host_has():
    facts = seen(Kernel(PARAMETERS)).facts
    assert KIND.dump(facts) == {"ksm": {"pagesToScan": 100, "sleepMillisecs": 20, "mergeAcrossNodes": True}}
    assert spec_of(**KIND.dump(facts)).claims == facts


def test_a_host_needs_its_uri():
    assert schema(KIND.fields)["required"] == ["uri"]


@pytest.mark.e2e
@pytest.mark.proves("Host", "!ksm.*")
def test_a_real_kernel_is_tuned_through_libvirt(embedded_host):
    libvirt = pytest.importorskip("libvirt")
    connection = libvirt.open(embedded_host("lab").uri)
    before = seen(connection).facts
    if not before:
        pytest.skip("this kernel has no same-page merging")
    other = str(int(before["!ksm.sleepMillisecs"]) + 1)
    try:
        KIND.perform(connection, REF, KindStep("tune", {"shm_sleep_millisecs": other}), None)
        assert seen(connection).facts == {**before, "!ksm.sleepMillisecs": other}
    finally:
        step = KindStep("tune", {"shm_sleep_millisecs": before["!ksm.sleepMillisecs"]})
        KIND.perform(connection, REF, step, None)
        connection.close()
