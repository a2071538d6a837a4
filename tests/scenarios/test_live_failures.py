"""What a running guest refuses after its definition was written: told, tried again, and taken back without a trace."""

import pytest

pytestmark = pytest.mark.e2e

MACHINE = """
apiVersion: reconciler/v1
kind: Domain
metadata: {{name: web}}
spec:
  type: qemu
  machine: q35
  memory: 64MiB
  shutdown: {{timeout: 1s, force: true}}
{more}
"""
# Nobody listens there, so QEMU refuses the device when it is plugged in, and not before.
REFUSED = "usbRedirections: [{type: tcp, mode: connect, host: 127.0.0.1, port: 9}]"


def text(*more):
    return MACHINE.format(more="\n".join(f"  {line}" for line in more))


def sockets(lab, live=False):
    return len(lab.xml("web", live=live).findall("devices/redirdev"))


def test_a_device_that_the_guest_refuses_is_told_and_comes_with_the_next_start_or_not_at_all(lab):
    lab.converge(text())
    first = lab.domain("web").ID()
    lab.write(text(REFUSED))
    (change,) = lab.apply(code=1)["changes"]
    assert change["outcome"] == "failed" and "Connection refused" in change["error"]["message"]
    assert (sockets(lab), sockets(lab, live=True)) == (1, 0)
    # The definition has it and the guest has not: that is what the next plan says, and what it would do.
    (left,) = lab.plan()["changes"]
    assert [(field["path"], field["disruption"]) for field in left["fields"]] == [("usbRedirections[0]", "none")]
    # Taken back before it ever worked, it leaves nothing behind.
    lab.converge(text())
    assert (sockets(lab), sockets(lab, live=True)) == (0, 0)
    assert lab.domain("web").ID() == first


def test_what_comes_before_a_refusal_is_done_and_what_comes_after_it_is_done_by_the_next_apply(lab):
    lab.converge(text())
    lab.write(text(REFUSED, "rngs: [{backend: builtin}]", "memtune: {hardLimit: 4GiB}"))
    lab.apply(code=1)
    lab.write(text("rngs: [{backend: builtin}]", "memtune: {hardLimit: 4GiB}"))
    lab.apply()
    plan = lab.plan()
    assert plan["changes"] == [] and plan["conditions"] == []
    live = lab.xml("web", live=True)
    assert live.findtext("memtune/hard_limit") == str(4 << 20) and live.find("devices/rng") is not None
    assert sockets(lab) == 0


def test_a_change_that_is_taken_back_costs_the_guest_nothing(lab):
    lab.converge(text())
    first = lab.domain("web").ID()
    lab.write(text("cpu: {model: Nehalem}", "memory: 96MiB").replace("  memory: 64MiB\n", ""))
    lab.apply()
    (condition,) = lab.plan()["conditions"]
    assert condition["type"] == "RestartPending" and set(condition["fields"]) >= {"memory.max"}
    lab.write(text())
    (change,) = lab.plan("--allow", "restart")["changes"]
    costs = {field["path"]: field["disruption"] for field in change["fields"]}
    assert set(costs.values()) == {"none"}, costs
    lab.apply("--allow", "restart")
    plan = lab.plan()
    assert plan["changes"] == [] and plan["conditions"] == [] and lab.domain("web").ID() == first
