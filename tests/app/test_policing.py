"""Where a policy comes from, what it says of whole desired states, and where it points to."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from reconciler.app import wiring
from reconciler.app.desired import Desired, NoCache, read_desired
from reconciler.app.policing import judged
from reconciler.app.settings import Settings
from reconciler.app.settings_file import Given, resolve
from reconciler.app.sources import Gathered
from reconciler.app.validate import validate
from reconciler.errors import ReconcilerError
from reconciler.model.refs import Ref
from reconciler.policy.policies import parse
from tests.app.kinds import Memory, Texts

GUARDED = parse({"preset": "guarded", "paths": ["/srv"]}, "the policy in config.yaml")
HEAD = "apiVersion: reconciler/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n"


def document(body: str, name: str = "web", kind: str = "Domain") -> str:
    return HEAD.format(kind=kind, name=name) + body


def settings(*policies: object, directory: Path = Path()) -> Settings:
    return Settings(directory=directory, state_dir=directory, cache_dir=directory / "cache", policies=policies)


def desired(texts: dict[str, str], *policies: object, cache: Memory | None = None) -> Desired:
    return read_desired(
        Gathered(Texts(texts)), cache or Memory(), wiring.kinds(), "hv0", settings(*(policies or (GUARDED,)))
    )


def places(texts: dict[str, str], *policies: object, cache: Memory | None = None) -> list[str]:
    found = desired(texts, *policies, cache=cache).refused
    return sorted(each.where for refused in found.values() for each in refused)


FIELD = document("  disks:\n    - {name: root, file: /srv/a}\n    - name: data\n      file: /etc/shadow\n")
OVERLAY = document(
    """  vcpus: 1
  xml: |
    <domain>
      <devices>
        <disk type='file'>
          <source file='/srv/a'/>
          <target dev='vda'/>
        </disk>
        <disk type='file'>
          <source file='/etc/shadow'/>
          <target dev='vdb'/>
        </disk>
      </devices>
    </domain>
"""
)
XML = (
    "<domain type='kvm'>\n  <name>web</name>\n  <memory>1024</memory>\n"
    "  <os>\n    <kernel>/etc/x</kernel>\n  </os>\n</domain>\n"
)


def test_a_field_is_found_at_its_value():
    assert places({"web.yaml": FIELD}) == ["web.yaml:8:13"]


def test_a_line_of_an_overlay_is_found_in_the_file():
    assert places({"web.yaml": OVERLAY}) == ["web.yaml:14:11"]


def test_an_overlay_that_is_folded_is_found_at_its_beginning():
    folded = document('  xml: "<domain><devices><emulator>/bin/sh</emulator></devices></domain>"\n')
    assert places({"web.yaml": folded}) == ["web.yaml:5:8"]


def test_a_line_of_an_xml_file_is_found():
    assert places({"web.xml": XML}) == ["web.xml:5:1"]


def test_what_a_profile_brings_in_is_found_in_the_profile():
    profile = document("  disks:\n    - {name: extra, file: /etc/shadow}\n", "big", "Profile")
    web = document("  profile: big\n  disks:\n    - {name: root, file: /srv/a}\n")
    assert places({"big.yaml": profile, "web.yaml": web}) == ["big.yaml:6:27"]


def test_the_place_is_as_exact_when_everything_comes_from_the_cache():
    cache = Memory()
    for _ in range(2):
        assert places({"web.yaml": FIELD, "b.yaml": OVERLAY.replace("web", "b")}, cache=cache) == [
            "b.yaml:14:11",
            "web.yaml:8:13",
        ]


def test_a_policy_that_changes_is_asked_anew():
    cache, strict = Memory(), parse({"paths": []}, "the policy")
    assert places({"web.yaml": document("  disks: [{name: root, file: /srv/a}]\n")}, cache=cache) == []
    assert places({"web.yaml": document("  disks: [{name: root, file: /srv/a}]\n")}, strict, cache=cache) != []


def test_a_host_document_can_only_narrow():
    host = document("  uri: qemu:///system\n  policy: {manifests: {paths: [/srv/narrow, /etc]}}\n", "hv1", "Host")
    paths = ("/srv/wide", "/srv/narrow/b", "/etc/c")
    disks = "  disks:\n" + "".join(f"    - {{name: d{at}, file: {path}}}\n" for at, path in enumerate(paths))
    assert places({"host.yaml": host, "web.yaml": document(disks)}) == ["web.yaml:6:24", "web.yaml:8:24"]


def test_a_host_that_leads_to_a_program_on_this_machine_stops_everything():
    host = document("  uri: 'qemu+ext:///system?command=/srv/evil'\n", "hv1", "Host")
    with pytest.raises(ReconcilerError) as caught:
        desired({"host.yaml": host})
    assert [(problem.number, problem.where) for problem in caught.value.problems] == [("R209", "host.yaml:5:8")]
    assert desired({"host.yaml": host}, parse({}, "open")).refused == {}


def test_without_a_policy_nothing_is_judged():
    assert read_desired(Gathered(Texts({"web.yaml": FIELD})), Memory(), wiring.kinds(), "hv0", settings()).refused == {}


def test_validate_says_the_same_with_the_exit_code_of_wrong_manifests(tmp_path: Path):
    (tmp_path / "web.yaml").write_text(FIELD)
    assert validate([], settings(directory=tmp_path)).problems == ()
    (problem,) = validate([], settings(GUARDED, directory=tmp_path)).problems
    assert (problem.where, problem.number, problem.entry.family.value) == ("web.yaml:8:13", "R209", 65)
    assert problem.message == (
        "Domain/web: disks[data].file is /etc/shadow; the policy in config.yaml does not permit it (paths: /srv)"
    )


def test_a_host_document_without_settings_is_judged_offline_too(tmp_path: Path):
    host = document("  uri: qemu:///system\n  policy: {manifests: {kinds: [Volume]}}\n", "hv1", "Host")
    (tmp_path / "all.yaml").write_text(f"{host}---\n{FIELD}")
    assert [problem.number for problem in validate([], settings(directory=tmp_path)).problems] == ["R209"]


class Places:
    """A desired state in a repository, beside the machine's own settings."""

    def __init__(self, root: Path) -> None:
        self.state, self.system = root / "repo", root / "etc" / "config.yaml"
        self.state.mkdir()
        self.system.parent.mkdir()

    def settings(self, **given: str) -> Settings:
        return resolve(Given(directory=str(self.state), **given), {}, root=True)

    def origins(self, **given: str) -> list[str]:
        return [policy.origin for policy in self.settings(**given).policies]


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    found = Places(tmp_path)
    monkeypatch.setattr("reconciler.app.settings_file.SYSTEM", found.system)
    return found


def test_the_systems_policy_binds_though_the_repository_has_settings_of_its_own(at: Places):
    at.system.write_text("policy: {preset: guarded}\nowner: nobody\n")
    (at.state / "reconciler.yaml").write_text("owner: web\npolicy: {preset: open}\n")
    assert at.origins() == [f"the policy in {at.system}", f"the policy in {at.state}/reconciler.yaml"]
    assert at.settings().policies[0].lists["hostDevices"] == ()
    assert at.settings().owner == "web"


def test_a_policy_of_the_repository_alone_is_heard(at: Places):
    (at.state / "reconciler.yaml").write_text("policy: {paths: [/srv]}\n")
    assert at.origins() == [f"the policy in {at.state}/reconciler.yaml"]


def test_a_file_that_the_operator_names_takes_the_place_of_both(at: Places):
    at.system.write_text("policy: {preset: guarded}\n")
    named = at.state / "named.yaml"
    named.write_text("policy: {preset: open}\n")
    assert at.origins(config=str(named)) == [f"the policy in {named}"]


@pytest.mark.parametrize(
    "line", ["connect: 'qemu:///system?command=/srv/evil'", "stateDir: /srv/elsewhere"], ids=["connect", "stateDir"]
)
def test_the_repositorys_settings_cannot_lead_away_from_a_binding_policy(at: Places, line: str):
    (at.state / "reconciler.yaml").write_text(f"{line}\n")
    at.settings()
    at.system.write_text("policy: {preset: guarded}\n")
    with pytest.raises(ReconcilerError) as caught:
        at.settings()
    (problem,) = caught.value.problems
    assert (problem.number, problem.where) == ("R209", f"{at.state}/reconciler.yaml:1:1")
    at.settings(connect="qemu:///system", state_dir="/var/lib/x")


def test_a_wrong_policy_is_shown_where_it_is_wrong(at: Places):
    at.system.write_text("policy:\n  preset: guarded\n  path: [/srv]\n  limits: {memory: big}\n")
    with pytest.raises(ReconcilerError) as caught:
        at.settings()
    assert [problem.where.rpartition("config.yaml")[2] for problem in caught.value.problems] == [":3:3", ":4:12"]
    assert {problem.number for problem in caught.value.problems} == {"R802"}


def test_a_known_state_costs_next_to_nothing():
    body = "  memory: 1GiB\n  disks: [{name: root, file: /srv/a}]\n  interfaces: [{name: lan, network: default}]\n"
    spec = desired({"web.yaml": document(body)}).specs["hv0", Ref("Domain", "web")]
    specs = {("hv0", Ref("Domain", f"web-{number}")): spec for number in range(10_000)}
    cache = Memory()
    judged(settings(GUARDED), specs, {}, wiring.kinds(), cache)
    began = time.process_time()
    assert judged(settings(GUARDED), specs, {}, wiring.kinds(), cache) == {}
    assert time.process_time() - began < 0.5
    assert judged(settings(GUARDED), specs, {}, wiring.kinds(), NoCache()) == {}
