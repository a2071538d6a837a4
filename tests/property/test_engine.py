"""From any state to any other: applying converges, and nothing destructive happens unasked."""

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.engine import compare
from reconciler.engine.decide import Case, decide
from reconciler.engine.guard import guard
from reconciler.engine.prune import prune
from reconciler.model.inventory import NOTHING_APPLIED, Applied, Inventory, Owned
from reconciler.model.plans import Action, Allow
from tests.engine import widgets
from tests.engine.widgets import Host, spec

WORDS = st.sampled_from(["a", "b", "c"])
PARTS = st.lists(
    st.fixed_dictionaries({"name": WORDS}, optional={"slot": st.sampled_from(["x", "y", "z"]), "paint": WORDS}),
    unique_by=lambda part: part["name"],
    max_size=3,
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "title": WORDS,
        "size": st.sampled_from(["1MiB", "2MiB"]),
        "glow": st.booleans(),
        "limits": st.fixed_dictionaries({}, optional={"heat": st.integers(0, 3)}),
        "parts": PARTS,
        "autostart": st.booleans(),
    },
)
DANGEROUS = BODIES.flatmap(
    lambda body: st.fixed_dictionaries({}, optional={"core": WORDS, "form": WORDS}).map(lambda more: body | more)
)


def case(host, wanted, owned, applied, allow=frozenset()):
    return Case(
        kind=widgets.KIND,
        spec=wanted,
        observed=host.objects.get(wanted.ref),
        owned=owned,
        applied=applied,
        owners=("me",),
        allow=allow,
    )


def step_through(host, wanted, owned, applied):
    """One apply; what is remembered after it."""
    for change in decide(case(host, wanted, owned, applied)).changes:
        for step in change.steps if change.blocked is None else ():
            host.perform(wanted.ref, step)
    found = host.objects[wanted.ref]
    texts = {**widgets.read(found.xml), **found.facts}
    remembered = Applied(claims=wanted.claims, settled=compare.settle(widgets.KIND, wanted, texts))
    return Owned(ref=wanted.ref, uuid="", digest=wanted.digest, owner="me"), remembered


@settings(max_examples=150, deadline=None)
@given(st.lists(BODIES, min_size=1, max_size=4))
def test_after_each_apply_the_plan_is_empty(bodies):
    host, owned, applied = Host(), None, NOTHING_APPLIED
    for body in bodies:
        wanted = spec(**body)
        owned, applied = step_through(host, wanted, owned, applied)
        assert decide(case(host, wanted, owned, applied)).changes == ()


@settings(max_examples=150, deadline=None)
@given(BODIES, BODIES)
def test_the_way_through_another_state_leaves_nothing_of_it_behind(first, second):
    detour, direct = Host(), Host()
    owned, applied = step_through(detour, spec(**first), None, NOTHING_APPLIED)
    wanted = spec(**second)
    step_through(detour, wanted, owned, applied)
    step_through(direct, wanted, None, NOTHING_APPLIED)
    ways = [widgets.read(host.objects[wanted.ref].xml) for host in (detour, direct)]
    managed = set(wanted.claims)
    silent = {"glow@state": "off"}
    seen = [{at: way.get(at, silent.get(at)) for at in managed} for way in ways]
    assert seen[0] == seen[1]
    assert "limits/heat" in managed or "limits/heat" not in ways[0]


@settings(max_examples=150, deadline=None)
@given(DANGEROUS, DANGEROUS, st.sets(st.sampled_from([Allow.RESTART, Allow.FORCE_OFF])), st.booleans())
def test_no_plan_without_permission_destroys_anything(first, second, allow, declared):
    host = Host()
    wanted = spec(**first)
    owned, applied = step_through(host, wanted, None, NOTHING_APPLIED)
    later = spec(**second)
    changes = list(decide(case(host, later, owned, applied, frozenset(allow))).changes) if declared else []
    inventory = Inventory(host="h", objects={wanted.ref: owned})
    known = [wanted.ref] if declared else []
    changes += prune({"Widget": widgets.KIND}, inventory, known, host.objects, frozenset(allow), ["me"])
    for change in guard(changes, 1, len(known), frozenset(allow)):
        if change.action in (Action.DELETE, Action.REPLACE):
            assert change.blocked is not None
