"""Documents made of others: Profiles that stand on Profiles, and what a document takes away from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.app import desired as module
from reconciler.app.desired import Desired, read_desired
from reconciler.app.settings import Settings
from reconciler.errors import ManifestError, Problem
from reconciler.model.documents import Spec
from reconciler.model.refs import Ref
from tests.app import kinds
from tests.app.kinds import Memory, Texts, document

SETTINGS = Settings(directory=Path(), state_dir=Path(), cache_dir=Path())
WEB = Ref("Domain", "web")


@pytest.fixture(autouse=True)
def small_schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Schemas", lambda *_: kinds.schemas())
    monkeypatch.setattr(module, "fingerprint", lambda: "this build")


def desired(texts: Mapping[str, str], cache: Memory | None = None) -> Desired:
    return read_desired(Texts(texts), cache or Memory(), kinds.KINDS, "hv0", SETTINGS)


def web(texts: Mapping[str, str], cache: Memory | None = None) -> Spec:
    return desired(texts, cache).specs["hv0", WEB]


def problems(texts: Mapping[str, str], cache: Memory | None = None) -> list[Problem]:
    with pytest.raises(ManifestError) as caught:
        desired(texts, cache)
    return list(caught.value.problems)


def profile(name: str, spec: str) -> str:
    return document("Profile", name, spec)


def test_profiles_stand_on_profiles_and_the_document_on_all_of_them() -> None:
    found = web(
        {
            "p.yaml": "---\n".join(
                (
                    profile("base", "{vcpus: 1, memory: {max: 1GiB}, title: base}"),
                    profile("linux", "{profile: base, vcpus: 2, kind: qemu}"),
                    profile("big", "{profile: [base], memory: {max: 8GiB}}"),
                )
            ),
            "web.yaml": document("Domain", "web", "{profile: [linux, big], title: web}"),
        }
    )
    # base lies below linux only once: what linux says of vcpus is not undone by big, which stands on base as well.
    assert (found.claims["vcpu"], found.claims["memory"]) == ("2", str(8 << 20))
    assert (found.claims["@type"], found.claims["title"]) == ("qemu", "web")


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_profiles_in_a_circle_are_one_mistake_with_the_way_named(order: str) -> None:
    texts = {"a": profile("a", "{profile: b}"), "b": profile("b", "{profile: a}")}
    files = {f"{place}.yaml": texts[name] for place, name in enumerate(order)}
    [problem] = problems({**files, "web.yaml": document("Domain", "web", "{profile: a}")})
    first, second = order
    assert (problem.number, problem.where) == ("R307", "1.yaml:4:17")
    assert f"Profile/{first} -> Profile/{second} -> Profile/{first}" in problem.message


def test_a_profile_on_a_missing_one_is_wrong_where_it_says_so() -> None:
    [problem] = problems(
        {"p.yaml": profile("a", "{profile: b}"), "web.yaml": document("Domain", "web", "{profile: a}")}
    )
    assert (problem.number, problem.where) == ("R302", "p.yaml:4:17")


def test_a_tower_of_profiles_has_an_end() -> None:
    tower = {f"{n}.yaml": profile(f"p{n}", f"{{profile: p{n + 1}}}") for n in range(40)}
    found = problems({**tower, "last.yaml": profile("p40", "{}")})
    assert {problem.number for problem in found} == {"R307"}


def test_an_edit_deep_in_a_stack_reaches_a_cached_document() -> None:
    cache = Memory()
    for count in (1, 2):
        texts = {
            "p.yaml": profile("low", f"{{vcpus: {count}}}"),
            "q.yaml": profile("high", "{profile: low}"),
            "web.yaml": document("Domain", "web", "{profile: high}"),
        }
        assert web(texts, cache).claims["vcpu"] == str(count)


INHERITED = profile(
    "small",
    "{title: small, memory: {max: 1GiB, current: 1GiB}, disks: [{name: root, file: /a}, {name: data, file: /b}]}",
)


def test_a_document_takes_away_what_its_profile_gives() -> None:
    cache = Memory()
    texts = {
        "p.yaml": INHERITED,
        "web.yaml": document(
            "Domain",
            "web",
            "{profile: small, title: null, memory: {current: null}, disks: [{name: data, $remove: true}]}",
        ),
    }
    for _ in ("cold", "warm"):
        found = web(texts, cache)
        assert "title" not in found.claims
        assert "currentMemory" not in found.claims
        assert found.claims["memory"] == str(1 << 20)
        assert [key for key in found.claims if "source@file" in key] == ["devices/disk[root]/source@file"]


def test_what_takes_away_is_still_judged_by_the_schema() -> None:
    texts = {
        "p.yaml": INHERITED,
        "web.yaml": "apiVersion: reconciler/v1\nkind: Domain\nmetadata: {name: web}\nspec:\n  profile: small\n"
        "  titel: null\n  title: null\n  vcpus: many\n  disks:\n  - {name: data, $remove: maybe}\n",
    }
    assert {problem.where: problem.number for problem in problems(texts)} == {
        "web.yaml:6:3": "R203",
        "web.yaml:8:10": "R204",
        "web.yaml:10:18": "R203",
    }


def test_null_is_no_value_where_nothing_can_be_inherited() -> None:
    [problem] = problems({"web.yaml": document("Domain", "web", "{title: null}")})
    assert (problem.number, problem.where) == ("R204", "web.yaml:4:15")


def test_a_mistake_in_a_merged_document_leads_to_the_profile_that_made_it() -> None:
    texts = {
        "p.yaml": profile("small", "{disks: [{name: a, volume: none}]}"),
        "web.yaml": document("Domain", "web", "{profile: small, disks: [{name: b, file: /b}]}"),
    }
    [problem] = problems(texts)
    assert (problem.number, problem.where) == ("R302", "p.yaml:4:34")
