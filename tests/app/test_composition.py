"""Documents made of others: Profiles on Profiles, names filled in, generators and patches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.app import desired as module
from reconciler.app.desired import Desired, read_desired
from reconciler.app.settings import Settings
from reconciler.app.sources import Gathered
from reconciler.errors import ManifestError, Problem
from reconciler.manifest.placeholders import Filling, escaped
from reconciler.manifest.tree import Node
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
    return read_desired(Gathered(Texts(texts)), cache or Memory(), kinds.KINDS, "hv0", SETTINGS)


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


HOSTS = "---\n".join(
    document("Host", name, f"{{uri: 'qemu+ssh://{name}/system'}}", f", labels: {{rack: {rack}, role: {role}}}")
    for name, rack, role in (("hv1", "r1", "hv"), ("hv2", "r2", "hv"), ("db1", "r1", "db"))
)


def test_names_are_filled_in_with_their_types() -> None:
    found = desired(
        {
            "hosts.yaml": HOSTS,
            "values.yaml": "web: {cpus: 4, size: 2, disks: [{name: root, file: /a}]}\n",
            "web.yaml": "apiVersion: reconciler/v1\nkind: Domain\n"
            "metadata:\n  name: web\n  host: hv2\n"
            '  labels: {rack: "${host.labels.rack}", who: "${metadata.name}@${host.name}"}\n'
            "spec:\n  vcpus: ${values.web.cpus}\n  memory: ${values.web.size}GiB\n  disks: ${values.web.disks}\n"
            "  title: $${values.note} in ${metadata.labels.rack}\n",
        }
    )
    spec = found.specs["hv2", WEB]
    assert (spec.claims["vcpu"], spec.claims["memory"]) == ("4", str(2 << 20))
    assert spec.claims["devices/disk[root]/source@file"] == "/a"
    assert spec.claims["title"] == "${values.note} in r2"
    assert spec.labels == {"rack": "r2", "who": "web@hv2"}


def test_a_text_of_several_lines_keeps_what_another_language_means() -> None:
    script = "echo ${HOME} ${x:-y} $${z} ${values.a} $${values.a}\n"
    texts = {
        "values.yaml": "a: 7\n",
        "web.yaml": "apiVersion: reconciler/v1\nkind: Domain\nmetadata: {name: web}\nspec:\n  title: |\n"
        f"    {script}    done\n",
    }
    assert web(texts).claims["title"] == "echo ${HOME} ${x:-y} $${z} 7 ${values.a}\ndone\n"


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("vcpus: ${values.cpu}", "web.yaml:5:10", "did you mean values.cpus?"),
        ("title: a ${values.zzz.gw} b", "web.yaml:5:12", "values has cpus, net"),
        ("title: a ${values.net.none} b", "web.yaml:5:12", "did you mean values.net.gateway?"),
        ("title: 'a ${gateway}'", "web.yaml:5:13", "write $${gateway} for the text itself"),
        ("title: ${host.labels.rack}", "web.yaml:5:10", "host.labels has nothing below"),
        ("title: ${each.name}", "web.yaml:5:10", "there is no generate"),
        ("title: ${HOME", "web.yaml:5:10", "is no placeholder"),
        ("title: ${1 + 1}", "web.yaml:5:10", "is no placeholder"),
        ("title: x ${values.net} y", "web.yaml:5:12", "values.net is a mapping"),
        ("title: |\n    a\n    b ${values.nets.gateway}\n", "web.yaml:7:7", "did you mean values.net.gateway?"),
        ("vcpus: ${values.net.gateway}", "web.yaml:5:10", "(from values.yaml:2)"),
    ],
)
def test_a_name_that_cannot_be_filled_in_is_wrong_where_it_stands(text: str, place: str, said: str) -> None:
    texts = {
        "values.yaml": "cpus: 2\nnet: {gateway: 192.0.2.1}\n",
        "web.yaml": f"apiVersion: reconciler/v1\nkind: Domain\nmetadata: {{name: web}}\nspec:\n  {text}\n",
    }
    texts["values.yaml"] = texts["values.yaml"].replace("192.0.2.1", "10.a")
    [problem] = problems(texts)
    assert problem.where == place
    assert said in problem.message


def test_a_value_stays_text_inside_xml() -> None:
    texts = {
        "values.yaml": "note: a < b & 'c'\n",
        "web.yaml": document("Domain", "web", '{xml: "<domain><title>${values.note}</title></domain>"}'),
    }
    assert desired(texts).specs["hv0", WEB]
    texts["web.yaml"] = texts["web.yaml"].replace("</title>", "")
    assert [(each.number, each.where) for each in problems(texts)] == [("R110", "web.yaml:4:13")]


@pytest.mark.parametrize(
    ("values", "place", "number"),
    [
        ("- a\n", "values.yaml:1:1", "R118"),
        ("a: 1\n---\nb: 2\n", "values.yaml:1:1", "R118"),
        ("a: yes\n", "values.yaml:1:4", "R108"),
        ("a: 1\nb: ${values.a}\n", "values.yaml:2:4", "R118"),
        (document("Network", "lan"), "values.yaml:1:1", "R118"),
    ],
)
def test_a_values_file_is_one_plain_mapping(values: str, place: str, number: str) -> None:
    found = problems({"values.yaml": values, "lan.yaml": document("Network", "lan")})
    assert [(problem.where, problem.number) for problem in found] == [(place, number)]


def test_a_profile_is_filled_in_for_each_document_that_stands_on_it() -> None:
    cache = Memory()
    texts = {
        "hosts.yaml": HOSTS,
        "values.yaml": "cpus: 2\n",
        "p.yaml": profile("small", '{vcpus: "${values.cpus}", title: "${metadata.name} in ${host.labels.rack}"}'),
        "web.yaml": document("Domain", "web", "{profile: small}", ", host: hv1"),
        "api.yaml": document("Domain", "api", "{profile: small}", ", host: hv2"),
    }
    for _ in ("cold", "warm"):
        found = desired(texts, cache)
        assert found.specs["hv1", WEB].claims["title"] == "web in r1"
        assert found.specs["hv2", Ref("Domain", "api")].claims["title"] == "api in r2"
    texts["values.yaml"] = "cpus: many\n"
    wrong = problems(texts, cache)
    assert {(problem.number, problem.where) for problem in wrong} == {("R204", "p.yaml:4:15")}
    assert {problem.message.rpartition("(for ")[2] for problem in wrong} == {"Domain/web)", "Domain/api)"}


def test_a_profile_with_names_is_judged_as_far_as_they_allow() -> None:
    [problem] = problems({"p.yaml": profile("small", '{vcpus: "${values.cpus}", titel: x}')})
    assert (problem.number, problem.where) == ("R203", "p.yaml:4:33")


def generated(generate: str, name: str = "web-${index}", spec: str = "{}") -> str:
    return (
        f'apiVersion: reconciler/v1\nkind: Domain\nmetadata: {{name: "{name}"}}\ngenerate: {generate}\nspec: {spec}\n'
    )


def names(texts: Mapping[str, str], cache: Memory | None = None) -> list[str]:
    return [f"{host}:{ref.name}" for host, ref in desired(texts, cache).specs]


def test_a_count_makes_documents_with_numbers() -> None:
    assert names({"web.yaml": generated("{count: 3}")}) == ["hv0:web-0", "hv0:web-1", "hv0:web-2"]
    assert names({"web.yaml": generated("{count: 2, start: 1}", "web-${each.index}")}) == ["hv0:web-1", "hv0:web-2"]
    assert names({"web.yaml": generated("{count: 0}")}) == []
    assert names({"web.yaml": generated('{count: "${values.many}"}'), "values.yaml": "many: 1\n"}) == ["hv0:web-0"]


def test_a_list_makes_documents_after_what_its_entries_say() -> None:
    entries = "[{name: a, cpus: 1}, {name: b, cpus: 2}]"
    spec = '{vcpus: "${each.cpus}"}'
    found = desired({"web.yaml": generated(f"{{forEach: {entries}}}", "web-${each.name}", spec)})
    assert [(ref.name, each.claims["vcpu"]) for (_, ref), each in found.specs.items()] == [
        ("web-a", "1"),
        ("web-b", "2"),
    ]
    texts = {"web.yaml": generated('{forEach: "${values.names}"}', "${each}"), "values.yaml": "names: [x, z]\n"}
    assert names(texts) == ["hv0:x", "hv0:z"]


def test_host_labels_choose_where_documents_are_made() -> None:
    lan = document("Network", "lan").replace("spec:", "generate: {hosts: {labels: {role: hv}}}\nspec:")
    assert names({"hosts.yaml": HOSTS, "lan.yaml": lan})[3:] == ["hv1:lan", "hv2:lan"]
    everywhere = document("Network", "lan").replace("spec:", "generate: {hosts: {}}\nspec:")
    assert names({"hosts.yaml": HOSTS, "lan.yaml": everywhere})[3:] == ["hv1:lan", "hv2:lan", "db1:lan"]


def test_hosts_can_be_generated_too_and_others_go_to_them() -> None:
    hosts = (
        'apiVersion: reconciler/v1\nkind: Host\nmetadata: {name: "${each}", labels: {role: hv}}\n'
        'generate: {forEach: [hv1, hv2]}\nspec: {uri: "qemu+ssh://${metadata.name}/system"}\n'
    )
    lan = document("Network", "lan").replace("spec:", "generate: {hosts: {labels: {role: hv}}}\nspec:")
    found = desired({"hosts.yaml": hosts, "lan.yaml": lan})
    assert sorted(found.hosts) == ["hv1", "hv2"]
    assert found.hosts["hv2"].body["uri"] == "qemu+ssh://hv2/system"
    assert [host for host, ref in found.specs if ref.kind == "Network"] == ["hv1", "hv2"]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 50), unique=True, min_size=1, max_size=8), st.data())
def test_an_entry_that_goes_changes_no_other_document(entries: list[int], data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(entries))

    def specs(listed: list[int]) -> dict[str, str]:
        text = generated(
            f"{{forEach: {[{'num': number} for number in listed]}}}".replace("'", ""),
            "web-${each.num}",
            '{title: "w${each.num}"}',
        )
        return {ref.name: spec.digest for (_, ref), spec in plain_desired({"web.yaml": text}).specs.items()}

    before, after = specs(entries), specs([number for number in entries if number != gone])
    assert {name: digest for name, digest in before.items() if name != f"web-{gone}"} == after


def plain_desired(texts: Mapping[str, str]) -> Desired:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Schemas", lambda *_: kinds.schemas())
        patch.setattr(module, "fingerprint", lambda: "this build")
        return desired(texts)


@pytest.mark.parametrize(
    ("generate", "name", "place", "number"),
    [
        ("{count: 2}", "web", "web.yaml:3:18", "R301"),
        ("{forEach: [a, b, a]}", "${each}", "web.yaml:3:18", "R301"),
        ("{forEach: [a]}", "web-${index}", "web.yaml:3:23", "R116"),
        ("{count: -1}", "web", "web.yaml:4:19", "R119"),
        ("{count: 20000}", "web", "web.yaml:4:19", "R119"),
        ("{count: many}", "web", "web.yaml:4:19", "R119"),
        ("{count: 1, forEach: []}", "web", "web.yaml:4:11", "R119"),
        ("{}", "web", "web.yaml:4:11", "R119"),
        ("3", "web", "web.yaml:4:11", "R119"),
        ("{cuont: 1}", "web", "web.yaml:4:12", "R119"),
        ("{forEach: a}", "${each}", "web.yaml:4:21", "R119"),
        ("{forEach: [a], start: 1}", "${each}", "web.yaml:4:26", "R119"),
        ("{hosts: hv1}", "web", "web.yaml:4:19", "R119"),
        ("{hosts: {labels: {role: 1}}}", "web", "web.yaml:4:19", "R119"),
        ('{count: "${values.many}"}', "web", "web.yaml:4:20", "R116"),
    ],
)
def test_a_wrong_generator_is_one_mistake(generate: str, name: str, place: str, number: str) -> None:
    found = problems({"web.yaml": generated(generate, name)})
    assert [(problem.where, problem.number) for problem in found] == [(place, number)]


def test_what_a_generator_makes_twice_names_the_generator() -> None:
    [problem] = problems({"web.yaml": generated("{count: 2}", "web")})
    assert "Domain/web is made twice by the generator in line 4" in problem.message


def test_a_name_that_a_generator_and_a_document_share_is_declared_twice() -> None:
    found = problems({"a.yaml": document("Domain", "web-1"), "web.yaml": generated("{count: 2}")})
    assert [problem.number for problem in found] == ["R301"]


def test_neither_profiles_nor_a_document_with_a_host_can_be_generated_for_hosts() -> None:
    wrong = profile("small", "{}").replace("spec:", "generate: {count: 1}\nspec:")
    placed = document("Network", "lan", "{}", ", host: hv1").replace("spec:", "generate: {hosts: {}}\nspec:")
    found = problems({"p.yaml": wrong, "lan.yaml": placed, "hosts.yaml": HOSTS})
    assert [(problem.where, problem.number) for problem in found] == [("lan.yaml:3:29", "R119"), ("p.yaml:4:1", "R119")]


BASE = "---\n".join(
    (
        document("Domain", "web", "{vcpus: 1, title: base, disks: [{name: root, file: /a}, {name: cd, file: /b}]}"),
        document("Domain", "api", "{title: api}"),
    )
)


def patch(name: str, spec: str = "", word: str = "merge") -> str:
    body = f"spec: {spec}\n" if spec else ""
    return f"apiVersion: reconciler/v1\nkind: Domain\nmetadata: {{name: {name}}}\npatch: {word}\n{body}"


def test_a_patch_is_merged_over_the_document_of_its_name() -> None:
    cache = Memory()
    texts = {
        "base.yaml": BASE,
        "patch.yaml": patch("web", "{vcpus: 4, title: null, disks: [{name: cd, $remove: true}]}"),
    }
    for _ in ("cold", "warm"):
        found = web(texts, cache)
        assert found.claims["vcpu"] == "4"
        assert "title" not in found.claims
        assert [key for key in found.claims if "source@file" in key] == ["devices/disk[root]/source@file"]
    texts["patch.yaml"] = patch("web", "{vcpus: 8}")
    assert web(texts, cache).claims["title"] == "base"


def test_later_patches_go_over_earlier_ones_and_reach_what_was_generated() -> None:
    texts = {
        "base.yaml": generated("{count: 2}", "web-${index}", '{title: "t${index}", vcpus: 1}'),
        "p1.yaml": patch("web-1", "{vcpus: 2, title: one}"),
        "p2.yaml": patch("web-1", '{title: "${metadata.name}"}'),
    }
    found = desired(texts).specs
    assert found["hv0", Ref("Domain", "web-0")].claims["title"] == "t0"
    changed = found["hv0", Ref("Domain", "web-1")]
    assert (changed.claims["vcpu"], changed.claims["title"]) == ("2", "web-1")


def test_a_patch_removes_a_whole_document() -> None:
    cache = Memory()
    texts = {"base.yaml": BASE, "patch.yaml": patch("web", word="remove")}
    for _ in ("cold", "warm"):
        assert names(texts, cache) == ["hv0:api"]


def test_a_mistake_in_a_patch_is_found_in_its_own_file() -> None:
    found = problems({"base.yaml": BASE, "patch.yaml": patch("web", "{vcpus: many, titel: x}")})
    assert [(problem.where, problem.number) for problem in found] == [
        ("patch.yaml:5:15", "R204"),
        ("patch.yaml:5:21", "R203"),
    ]


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        (patch("wev", "{vcpus: 2}"), "patch.yaml:4:1", "did you mean Domain/web?"),
        (patch("web", "{vcpus: 2}", "replace"), "patch.yaml:4:8", "merge or remove"),
        (patch("web", "{vcpus: 2}", "remove"), "patch.yaml:5:1", "needs no spec"),
        (patch("web").replace("metadata: {name: web}\n", ""), "patch.yaml:1:1", "add metadata.name"),
        (patch("web").replace("reconciler/v1", "v2"), "patch.yaml:1:1", "a patch has apiVersion"),
        (patch("web") + "more: 1\n", "patch.yaml:5:1", "no field 'more'"),
        (patch("web") + "generate: {count: 1}\n", "patch.yaml:4:1", "generates nothing"),
    ],
)
def test_a_patch_that_changes_nothing_is_a_mistake(text: str, place: str, said: str) -> None:
    cache = Memory()
    texts = {"base.yaml": BASE, "patch.yaml": text}
    for _ in ("cold", "warm"):
        [problem] = problems(texts, cache)
        assert (problem.where, problem.number) == (place, "R308")
        assert said in problem.message


def test_plain_xml_cannot_be_patched() -> None:
    [problem] = problems({"web.xml": "<domain><name>web</name></domain>", "patch.yaml": patch("web", "{vcpus: 1}")})
    assert (problem.where, problem.number) == ("patch.yaml:4:1", "R308")


def test_a_patched_document_can_still_take_away_what_its_profile_gives() -> None:
    texts = {
        "p.yaml": INHERITED,
        "web.yaml": document("Domain", "web", "{profile: small, vcpus: 1}"),
        "patch.yaml": patch("web", "{title: null, vcpus: null}"),
    }
    found = web(texts)
    assert not {"title", "vcpu"} & set(found.claims)


def test_whatever_a_document_takes_in_is_seen_when_it_changes() -> None:
    cache = Memory()
    texts = {
        "hosts.yaml": document("Host", "hv1", "{uri: 'qemu:///system'}", ", labels: {rack: r1}"),
        "values.yaml": "a: 1\n",
        "p.yaml": profile("small", '{kind: "${values.kind}"}'),
        "web.yaml": document("Domain", "web", '{profile: small, title: "${host.labels.rack} ${values.a}"}'),
    }
    texts["values.yaml"] += "kind: kvm\n"

    def found() -> tuple[str | None, str | None]:
        claims = desired(texts, cache).specs["hv1", WEB].claims
        return claims["title"], claims["@type"]

    assert found() == ("r1 1", "kvm")
    texts["values.yaml"] = "a: 2\nkind: kvm\n"
    assert found() == ("r1 2", "kvm")
    texts["hosts.yaml"] = texts["hosts.yaml"].replace("r1", "r9")
    assert found() == ("r9 2", "kvm")
    texts["values.yaml"] = "a: 2\nkind: qemu\n"
    assert found() == ("r9 2", "qemu")


def test_a_warm_run_composes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Memory()
    texts = {
        "values.yaml": "a: 1\n",
        "base.yaml": BASE,
        "patch.yaml": patch("api", "{vcpus: 2}"),
        "web.yaml": generated("{count: 2}", spec='{title: "${values.a}x"}'),
    }
    cold = desired(texts, cache)
    for name in ("compose", "values_of", "load"):
        monkeypatch.setattr(f"reconciler.app.composing.{name}", lambda *_, **__: pytest.fail("did it again"))
    assert desired(texts, cache) == cold


def test_a_secret_from_a_values_file_is_not_cached() -> None:
    cache = Memory()
    texts = {
        "values.yaml": "password: s3cr3t\n",
        "web.yaml": document("Domain", "web", '{password: "${values.password}"}'),
    }
    assert web(texts, cache).claims["graphics@passwd"] == "s3cr3t"
    assert "s3cr3t" not in str(cache.tables)


TEXTS = st.text("ab$}{ .:\n", max_size=12).filter(lambda text: "${" not in text)


@given(TEXTS)
def test_a_text_without_a_placeholder_is_never_changed(text: str) -> None:
    filling = Filling({}, lambda path: ())
    assert filling.fill(Node(text)) == Node(text)
    assert filling.problems == []


@given(st.text("a.$}{{$\n", max_size=16))
@example("${a.b}")
@example("x\n${a.b} $${a.b} ${a}")
@example("$$${a ${b")
def test_what_is_imported_means_what_it_meant(text: str) -> None:
    filling = Filling({}, lambda path: ())
    assert filling.fill(Node(escaped(text))) == Node(text)
    assert filling.problems == []


def test_a_trap_in_a_file_with_names_is_said_once() -> None:
    texts = {"web.yaml": document("Domain", "web", '{vcpus: yes, title: "${metadata.name}"}')}
    assert [(problem.where, problem.number) for problem in problems(texts)] == [("web.yaml:4:15", "R108")]
