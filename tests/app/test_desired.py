"""From files to Specs: everything wrong at once, everything right remembered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from reconciler.adapters.vault import OutsideVault, Tree
from reconciler.app import desired as module
from reconciler.app.desired import Desired, read_desired
from reconciler.app.settings import Settings
from reconciler.app.sources import Gathered
from reconciler.errors import ManifestError, Problem
from reconciler.model.refs import Ref
from reconciler.model.secrets import Grants, Reference, read_reference
from tests import sops
from tests.app import kinds
from tests.app.kinds import Memory, Texts, document

SETTINGS = Settings(directory=Path(), state_dir=Path(), cache_dir=Path())


@pytest.fixture(autouse=True)
def small_schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Schemas", lambda *_: kinds.schemas())
    monkeypatch.setattr(module, "fingerprint", lambda: "this build")


def desired(texts: Mapping[str, str], cache: Memory | None = None, *problems: Problem) -> Desired:
    return read_desired(Gathered(Texts(texts, problems)), cache or Memory(), kinds.KINDS, "hv0", SETTINGS)


def numbers(texts: Mapping[str, str], cache: Memory | None = None) -> dict[str, str]:
    """Place -> number of every problem."""
    with pytest.raises(ManifestError) as caught:
        desired(texts, cache)
    return {problem.where: problem.number for problem in caught.value.problems}


def message(texts: Mapping[str, str]) -> str:
    with pytest.raises(ManifestError) as caught:
        desired(texts)
    return caught.value.problems[0].message


WEB = document("Domain", "web", "{memory: 1GiB, vcpus: 2, interfaces: [lan]}", ", labels: {tier: front}")
LAN = document("Network", "lan")


def test_a_document_becomes_a_spec_on_the_default_host() -> None:
    found = desired({"web.yaml": WEB, "net/lan.yaml": LAN})
    spec = found.specs["hv0", Ref("Domain", "web")]
    assert spec.claims["memory"] == str(1 << 20)
    assert spec.labels == {"tier": "front"}
    assert spec.where == "web.yaml:1:1"
    assert len(spec.digest) == 64
    assert (found.revision, found.owners) == ("abc", ("git:abc",))


def test_no_files_ask_for_nothing() -> None:
    assert desired({}).specs == {}


@pytest.mark.parametrize("texts", [{"all.yaml": f"{WEB}---\n{LAN}"}, {"web.yaml": WEB, "lan.yaml": LAN}])
def test_a_second_run_finds_the_same_in_the_cache(texts: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Memory()
    cold = desired(texts, cache)
    monkeypatch.setattr("reconciler.app.understand.read", lambda *_: pytest.fail("read a file again"))
    monkeypatch.setattr("reconciler.manifest.link.expand", lambda *_: pytest.fail("parsed a document again"))
    warm = desired(texts, cache)
    assert warm == cold
    assert dict(warm.specs["hv0", Ref("Domain", "web")].claims) == cold.specs["hv0", Ref("Domain", "web")].claims


def test_a_warm_run_looks_inside_no_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Memory()
    desired({"web.yaml": WEB, "lan.yaml": LAN}, cache)
    monkeypatch.setattr("reconciler.model.documents.Deferred._whole", lambda self: pytest.fail("decoded"))
    assert len(desired({"web.yaml": WEB, "lan.yaml": LAN}, cache).specs) == 2


def test_another_build_trusts_nothing_of_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Memory()
    desired({"lan.yaml": LAN}, cache)
    monkeypatch.setattr(module, "fingerprint", lambda: "another build")
    before = {table: len(rows) for table, rows in cache.tables.items()}
    desired({"lan.yaml": LAN}, cache)
    assert {table: len(rows) for table, rows in cache.tables.items()} == {
        table: 2 * count for table, count in before.items()
    }


def test_a_moved_document_keeps_its_digest_and_learns_its_place() -> None:
    cache = Memory()
    before = desired({"lan.yaml": LAN}, cache).specs["hv0", Ref("Network", "lan")]
    after = desired({"lan.yaml": f"# moved\n{LAN}"}, cache).specs["hv0", Ref("Network", "lan")]
    assert (after.digest, after.where) == (before.digest, "lan.yaml:2:1")


def test_a_digest_changes_with_what_is_asked_for() -> None:
    def digest(spec: str) -> str:
        return desired({"a.yaml": document("Domain", "a", spec)}).specs["hv0", Ref("Domain", "a")].digest

    assert digest("{vcpus: 2}") == digest("{vcpus: 2}")
    assert digest("{vcpus: 2}") != digest("{vcpus: 3}")


SECRET = "hunter2-hunter2"


@pytest.mark.parametrize(
    "texts",
    [
        {"web.yaml": document("Domain", "web", f"{{password: {SECRET}}}")},
        {
            "profile.yaml": document("Profile", "small", f"{{password: {SECRET}}}"),
            "web.yaml": document("Domain", "web", "{profile: small}"),
        },
        {"profile.yaml": document("Profile", "small", f"{{password: {SECRET}}}")},
        {"profile.yaml": document("Profile", "small", f"{{xml: <domain><title>{SECRET}</title></domain>}}")},
        {"web.xml": f"<domain><name>web</name><graphics passwd='{SECRET}'/></domain>"},
    ],
)
def test_a_secret_never_reaches_the_cache(texts: dict[str, str]) -> None:
    cache = Memory()
    assert desired(texts, cache).hosts == {}
    desired(texts, cache)
    assert SECRET not in str(cache.tables)


def test_a_profile_is_merged_underneath() -> None:
    texts = {
        "p.yaml": document(
            "Profile",
            "small",
            "{vcpus: 1, memory: {max: 2GiB, current: 1GiB}, disks: [{name: root, volume: r, readonly: true}]}",
        ),
        "d.yaml": document(
            "Domain",
            "web",
            "{profile: small, memory: {max: 4GiB}, disks: [{name: data, volume: d}, {name: root, volume: s}]}",
        ),
        "v.yaml": "---\n".join(document("Volume", name) for name in ("r", "d", "s")),
    }
    claims = desired(texts).specs["hv0", Ref("Domain", "web")].claims
    assert (claims["vcpu"], claims["memory"], claims["currentMemory"]) == ("1", str(4 << 20), str(1 << 20))
    assert claims["devices/disk[root]/source@volume"] == "s"
    assert claims["devices/disk[root]/readonly"] == ""
    assert [at for at in claims if at.endswith("]")] == ["devices/disk[root]", "devices/disk[data]"]


def test_an_edited_profile_reaches_a_cached_document() -> None:
    cache = Memory()
    web = document("Domain", "web", "{profile: small}")
    for count in ("1", "2"):
        texts = {"p.yaml": document("Profile", "small", f"{{vcpus: {count}}}"), "web.yaml": web}
        assert desired(texts, cache).specs["hv0", Ref("Domain", "web")].claims["vcpu"] == count


def test_a_missing_profile_is_a_missing_reference() -> None:
    assert numbers({"d.yaml": document("Domain", "web", "{profile: tiny}")}) == {"d.yaml:4:17": "R302"}


def test_a_disk_with_a_size_makes_its_volume() -> None:
    found = desired({"d.yaml": document("Domain", "web", "{disks: [{name: root, size: 1GiB, pool: ssd}]}")})
    volume = found.specs["hv0", Ref("Volume", "ssd/web-root")]
    domain = found.specs["hv0", Ref("Domain", "web")]
    assert (volume.claims["capacity"], volume.claims["target/format@type"]) == (str(1 << 30), "qcow2")
    assert volume.where == "d.yaml:4:16"
    assert domain.claims["devices/disk[root]/source@volume"] == "web-root"
    assert [need.ref for need in domain.needs] == [volume.ref]


def test_a_disk_with_a_size_and_a_file_must_choose() -> None:
    texts = {"d.yaml": document("Domain", "web", "{disks: [{name: root, size: 1GiB, file: /srv/a}]}")}
    assert numbers(texts) == {"d.yaml:4:35": "R207"}


def test_a_volume_made_for_a_disk_can_collide_with_a_document() -> None:
    texts = {
        "d.yaml": document("Domain", "web", "{disks: [{name: root, size: 1GiB}]}"),
        "v.yaml": document("Volume", "web-root"),
    }
    assert numbers(texts) == {"v.yaml:1:1": "R301"}
    assert "d.yaml:4:16" in message(texts)


def test_two_documents_with_one_name_are_both_named() -> None:
    texts = {"a.yaml": LAN, "b.yaml": f"# second\n{LAN}"}
    assert numbers(texts) == {"b.yaml:2:1": "R301"}
    assert "a.yaml:1:1" in message(texts)


@pytest.mark.parametrize("kind", ["Host", "Profile"])
def test_hosts_and_profiles_have_unique_names_too(kind: str) -> None:
    text = document(kind, "one")
    assert numbers({"a.yaml": text, "b.yaml": text}) == {"b.yaml:1:1": "R301"}


def test_one_name_on_two_hosts_is_two_resources() -> None:
    hosts = "---\n".join(document("Host", name) for name in ("hv1", "hv2"))
    texts = {"hosts.yaml": hosts} | {
        f"{host}.yaml": document("Network", "lan", "{}", f", host: {host}") for host in ("hv1", "hv2")
    }
    assert set(desired(texts).specs) >= {("hv1", Ref("Network", "lan")), ("hv2", Ref("Network", "lan"))}


def test_a_missing_reference_leads_to_the_very_line() -> None:
    assert numbers({"web.yaml": WEB}) == {"web.yaml:4:45": "R302"}
    assert "Domain/web needs Network/lan, which nothing declares" in message({"web.yaml": WEB})


def test_a_problem_found_in_cached_documents_has_its_exact_place() -> None:
    cache = Memory()
    desired({"web.yaml": WEB, "lan.yaml": LAN}, cache)
    assert numbers({"web.yaml": WEB}, cache) == {"web.yaml:4:45": "R302"}


@pytest.mark.parametrize("spec", ["{interfaces: [{network: lan, external: true}]}", "{interfaces: [default]}"])
def test_external_and_conventional_things_need_no_document(spec: str) -> None:
    assert desired({"web.yaml": document("Domain", "web", spec)}).specs


def test_a_reference_to_another_host_says_so() -> None:
    hosts = "---\n".join(document("Host", name, spec) for name, spec in (("hv1", "{default: true}"), ("hv2", "{}")))
    texts = {"hosts.yaml": hosts, "lan.yaml": document("Network", "lan", "{}", ", host: hv2"), "web.yaml": WEB}
    assert "declared for host hv2 only" in message(texts)


def test_a_reference_to_a_wrong_document_is_not_wrong_itself() -> None:
    texts = {"web.yaml": WEB, "lan.yaml": document("Network", "lan", "{bridge: br0}")}
    assert list(numbers(texts).values()) == ["R203"]


def test_a_wrong_profile_is_one_mistake() -> None:
    texts = {
        "p.yaml": document("Profile", "small", "{vcpus: many}"),
        "web.yaml": document("Domain", "web", "{profile: small}"),
        "v.yaml": document("Volume", "v"),
    }
    assert numbers(texts) == {"p.yaml:4:15": "R204"}


def test_references_in_a_circle_are_reported_once() -> None:
    texts = {
        "v.yaml": "---\n".join(
            document("Volume", name, f"{{backing: {below}}}") for name, below in (("a", "b"), ("b", "c"), ("c", "a"))
        )
    }
    assert numbers(texts) == {"v.yaml:4:17": "R303"}
    assert message(texts).startswith("Volume/default/a -> Volume/default/b -> Volume/default/c -> Volume/default/a")


def test_a_volume_cannot_stand_on_itself() -> None:
    assert numbers({"v.yaml": document("Volume", "a", "{backing: a}")}) == {"v.yaml:4:17": "R303"}


def test_a_chain_of_references_may_be_long() -> None:
    chain = "---\n".join(document("Volume", f"v{each}", f"{{backing: v{each + 1}}}") for each in range(3000))
    assert len(desired({"v.yaml": chain, "w.yaml": document("Volume", "v3000")}).specs) == 3001


def test_documents_go_to_the_host_they_name_or_the_default_one() -> None:
    texts = {
        "hosts.yaml": "---\n".join((document("Host", "hv1"), document("Host", "hv2", "{default: true}"))),
        "a.yaml": document("Network", "a", "{}", ", host: hv1"),
        "b.yaml": document("Network", "b"),
    }
    found = desired(texts)
    assert set(found.specs) == {
        ("hv1", Ref("Host", "hv1")),
        ("hv2", Ref("Host", "hv2")),
        ("hv1", Ref("Network", "a")),
        ("hv2", Ref("Network", "b")),
    }
    assert set(found.hosts) == {"hv1", "hv2"}


def test_a_single_host_needs_no_default() -> None:
    assert ("hv7", Ref("Network", "lan")) in desired({"h.yaml": document("Host", "hv7"), "lan.yaml": LAN}).specs


def test_several_hosts_need_a_default() -> None:
    texts = {"h.yaml": "---\n".join(document("Host", name) for name in ("hv1", "hv2")), "lan.yaml": LAN}
    assert numbers(texts) == {"lan.yaml:3:11": "R304"}


def test_a_host_that_nothing_declares_is_a_missing_reference() -> None:
    assert numbers({"lan.yaml": document("Network", "lan", "{}", ", host: hv9")}) == {"lan.yaml:3:29": "R302"}


def test_every_problem_of_every_file_is_told_at_once() -> None:
    texts = {
        "a.yaml": document("Domain", "web", "{vcpu: 2, memory: 1, title: wrong}"),
        "b.yaml": "a: [",
        "c.xml": "<domain/>",
        "d.yaml": document("Domain", "db", "{title: wrong, interfaces: [gone]}"),
        "e.yaml": document("Domain", "app", "{interfaces: [gone]}"),
    }
    astray = Problem("R109", "the link leaves the repository", "f.yaml:1:1")
    with pytest.raises(ManifestError) as caught:
        desired(texts, None, astray)
    assert {(problem.where, problem.number) for problem in caught.value.problems} == {
        ("a.yaml:4:8", "R203"),
        ("a.yaml:4:25", "R204"),
        ("b.yaml:2:1", "R101"),
        ("c.xml:1:1", "R205"),
        ("d.yaml:4:15", "R207"),
        ("e.yaml:4:21", "R302"),
        ("f.yaml:1:1", "R109"),
    }


def test_plain_libvirt_xml_is_a_document_whose_references_are_the_hosts_affair() -> None:
    found = desired({"old/web.xml": "<?xml version='1.0'?>\n<domain>\n<name>web</name><vcpu>2</vcpu></domain>"})
    spec = found.specs["hv0", Ref("Domain", "web")]
    assert (spec.claims["vcpu"], spec.where) == ("2", "old/web.xml:2:1")


def test_cached_xml_is_the_same_document() -> None:
    cache, texts = Memory(), {"v.xml": "<volume><name>a.img</name><capacity>5</capacity></volume>"}
    assert desired(texts, cache) == desired(texts, cache)
    assert ("hv0", Ref("Volume", "default/a.img")) in desired(texts, cache).specs


def test_a_reference_to_a_secret_is_kept_in_the_cache_as_it_is_written() -> None:
    cache = Memory()
    texts = {"web.yaml": document("Domain", "web", "{password: {file: /run/keys/vnc}}")}
    first, again = (desired(texts, cache).specs["hv0", Ref("Domain", "web")] for _ in range(2))
    assert cache.tables["specs"]
    assert dict(first.claims) == dict(again.claims)
    assert read_reference(str(again.claims["graphics@passwd"])).at == ("/run/keys/vnc",)


def test_a_reference_over_one_of_a_profile_replaces_it_whole() -> None:
    texts = {
        "p.yaml": document("Profile", "small", "{password: {sops: a.yaml, key: b}}"),
        "d.yaml": document("Domain", "web", "{profile: small, password: {env: VNC}}"),
    }
    claims = desired(texts).specs["hv0", Ref("Domain", "web")].claims
    assert read_reference(str(claims["graphics@passwd"])) == Reference(source="env", at=("VNC",))


@pytest.mark.parametrize(
    ("password", "said"),
    [
        (f"{{file: /a, env: {SECRET}}}", "wants one of file, env, command, sops, age"),
        (f"{{fyle: {SECRET}}}", "spec.password"),
        (f"{{sops: {SECRET}}}", "wants key and sops together"),
        (f"{{command: {SECRET}}}", "wants a list"),
        (f"[{SECRET}]", "wants"),
        ("7", "wants text"),
    ],
)
def test_a_wrong_reference_is_told_at_its_place_without_what_is_written_there(password: str, said: str) -> None:
    told = message({"web.yaml": document("Domain", "web", f"{{password: {password}}}")})
    assert said in told and SECRET not in told


def encrypted(body: str, only: tuple[str, ...] = ()) -> tuple[str, OutsideVault]:
    key, recipient = sops.identity()
    text = sops.encrypt([yaml.safe_load(document("Domain", "web", body))], recipient, only)
    nothing = Tree(content=lambda path: b"", parsed=lambda content, file: [])
    return text, OutsideVault(Grants(), nothing, {"SOPS_AGE_KEY": key})


def opened(text: str, vault: OutsideVault, cache: Memory | None = None) -> Desired:
    files = Gathered(Texts({"web.yaml": text}))
    return read_desired(files, cache or Memory(), kinds.KINDS, "hv0", SETTINGS, vault)


def refusal(body: str, only: tuple[str, ...] = ()) -> Problem:
    text, vault = encrypted(body, only)
    cache = Memory()
    with pytest.raises(ManifestError) as caught:
        opened(text, vault, cache)
    (problem,) = caught.value.problems
    assert SECRET not in f"{problem}{cache.tables}"
    return problem


def test_an_encrypted_secret_is_understood_and_nothing_of_it_reaches_the_cache() -> None:
    text, vault = encrypted(f"{{vcpus: 3, password: {SECRET}}}", ("password",))
    cache = Memory()
    for _ in range(2):
        claims = opened(text, vault, cache).specs["hv0", Ref("Domain", "web")].claims
        assert (claims["vcpu"], claims["graphics@passwd"]) == ("3", SECRET)
    assert SECRET not in str(cache.tables)


def test_an_encrypted_secret_of_a_profile_is_understood() -> None:
    key, recipient = sops.identity()
    profile = yaml.safe_load(document("Profile", "small", f"{{password: {SECRET}}}"))
    files = {
        "p.yaml": sops.encrypt([profile], recipient, ("password",)),
        "web.yaml": document("Domain", "web", "{profile: small}"),
    }
    vault = OutsideVault(Grants(), Tree(content=lambda _: b"", parsed=lambda *_: []), {"SOPS_AGE_KEY": key})
    cache = Memory()
    found = read_desired(Gathered(Texts(files)), cache, kinds.KINDS, "hv0", SETTINGS, vault)
    assert found.specs["hv0", Ref("Domain", "web")].claims["graphics@passwd"] == SECRET
    assert SECRET not in str(cache.tables)


@pytest.mark.parametrize(
    ("body", "only", "where", "said"),
    [
        (f"{{vcpus: 3, title: {SECRET}, password: x}}", ("title", "password"), "web.yaml:7:10", "spec.title is "),
        (f"{{disks: [{{name: root, file: /{SECRET}}}]}}", ("file",), "web.yaml:8:11", "spec.disks[0].file is "),
        (f"{{interfaces: [lan, {SECRET}]}}", ("interfaces",), "web.yaml:7:5", "[0], spec.interfaces[1] are "),
        # Where a secret is kept is told when it cannot be read there.
        (f"{{password: {{env: {SECRET}}}}}", ("password",), "web.yaml:7:10", "spec.password.env is "),
        (f"{{xml: <domain><title>{SECRET}</title></domain>}}", ("xml",), "web.yaml:6:8", "spec.xml is "),
        (f"{{title: {SECRET}}}", ("metadata",), "web.yaml:4:9", "metadata.name is "),
        (f"{{nothing: {SECRET}}}", ("nothing",), "web.yaml:6:12", "spec.nothing is "),
        (f"{{vcpus: 1, title: {SECRET}, kind: qemu, password: x, xml: x}}", ("spec",), "web.yaml:6:10", " and 1 more"),
    ],
)
def test_what_is_encrypted_where_it_would_be_shown_is_refused_at_its_place(
    body: str, only: tuple[str, ...], where: str, said: str
) -> None:
    problem = refusal(body, only)
    assert (problem.number, problem.where) == ("R122", where)
    assert said in problem.message and "--encrypted-regex" in problem.message


def test_a_document_that_is_encrypted_as_a_whole_is_refused_in_one_sentence() -> None:
    problem = refusal(f"{{vcpus: 3, title: {SECRET}, password: {SECRET}}}")
    assert (problem.number, problem.where) == ("R122", "web.yaml:1:1")
    assert "the whole document is encrypted" in problem.message and "--encrypted-regex" in problem.message


def test_what_is_wrong_in_an_encrypted_document_is_told_without_its_value() -> None:
    text, vault = encrypted("{password: 90210, vcpus: many}", ("password",))
    with pytest.raises(ManifestError) as caught:
        opened(text, vault)
    found = {problem.where: problem.number for problem in caught.value.problems}
    assert found == {"web.yaml:6:13": "R204", "web.yaml:7:10": "R204"}
    assert "90210" not in str(caught.value.problems)


def test_an_encrypted_file_without_a_key_is_refused_and_one_that_holds_no_resources_is_left_alone() -> None:
    text, _ = encrypted("{password: x}", ("password",))
    assert numbers({"web.yaml": text}) == {"web.yaml:1:1": "R120"}
    store = sops.encrypt([{"db": "x"}], sops.identity()[1])
    assert desired({"secrets.yaml": store}).specs == {}
