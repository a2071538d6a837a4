"""Secrets and network filters on a real host: values from outside, rotation, and that nothing of them is seen."""

import base64
import json
import subprocess

import libvirt
import pytest
import yaml

from tests import sops

pytestmark = pytest.mark.e2e

# No dictionary has them, and no digest or compression of anything else holds them.
MARKS = {"VNC": "mk7q-vnc", "CEPH": "mark-ceph-zx81-qq", "TLS": "mark-tls-zx82-qq"}
ROTATED = "mark-ceph-zx99-new"
MACHINE = """apiVersion: reconciler/v1
kind: Domain
metadata: {name: vm}
spec:
  type: qemu
  power: stopped
  memory: 64MiB
  graphics: [{type: vnc, password: {env: VNC}}]
  interfaces:
    - {name: lan, type: ethernet, filter: {name: ssh-only}}
"""
SECRETS = """apiVersion: reconciler/v1
kind: Secret
metadata: {name: client.libvirt}
spec: {usage: ceph, private: true, value: {env: CEPH}}
---
apiVersion: reconciler/v1
kind: Secret
metadata: {name: front}
spec: {usage: tls, value: {env: TLS}}
"""
FILTERS = """apiVersion: reconciler/v1
kind: NwFilter
metadata: {name: ssh-only}
spec:
  filterrefs: [base]
  rules:
    - {action: accept, direction: in, tcp: {dstportstart: 22}}
---
apiVersion: reconciler/v1
kind: NwFilter
metadata: {name: base}
spec:
  rules:
    - {action: drop, direction: in, priority: 900, all: {}}
"""


class Keeper:
    """A lab whose settings grant the variables; `run` and `plan` are the lab's with them."""

    def __init__(self, lab, tmp_path):
        self.lab = lab
        self.config = tmp_path / "granted.yaml"
        self.config.write_text("secrets: {env: [VNC, CEPH, TLS]}\n")
        lab.environment = dict(MARKS)

    def run(self, *arguments, code=0):
        return self.lab.run("--config", self.config, *arguments, code=code)

    def plan(self, *arguments, code=0):
        return json.loads(self.run("plan", "-o", "json", *arguments, code=code).stdout)

    def apply(self, *arguments, code=0):
        return json.loads(self.run("apply", "--yes", "-o", "json", *arguments, code=code).stdout)

    def settled(self):
        assert self.plan()["changes"] == []


@pytest.fixture
def keeper(lab, tmp_path):
    return Keeper(lab, tmp_path)


def value_of(lab, use, name):
    connection = lab.connect()
    try:
        return connection.secretLookupByUsage(use, name).value().decode()
    finally:
        connection.close()


TLS = libvirt.VIR_SECRET_USAGE_TYPE_TLS


def test_a_private_secret_rotates_though_nobody_can_read_it_back(keeper):
    keeper.lab.write(SECRETS)
    keeper.apply()
    keeper.settled()
    keeper.lab.environment["CEPH"] = ROTATED
    shown = keeper.run("plan").stdout
    assert "~ value" in shown and "(changed)" in shown and ROTATED not in shown
    (change,) = keeper.plan()["changes"]
    assert (change["ref"], change["action"]) == ("Secret/ceph/client.libvirt", "update")
    keeper.apply()
    keeper.settled()


def test_a_value_that_somebody_else_set_is_drift(keeper):
    keeper.lab.write(SECRETS)
    keeper.apply()
    connection = keeper.lab.connect()
    connection.secretLookupByUsage(TLS, "front").setValue(b"other")
    connection.close()
    assert [change["ref"] for change in keeper.plan()["changes"]] == ["Secret/tls/front"]
    keeper.apply()
    assert value_of(keeper.lab, TLS, "front") == MARKS["TLS"]


def test_a_private_secret_that_is_adopted_gets_the_value_of_its_document(keeper):
    connection = keeper.lab.connect()
    connection.secretDefineXML(
        "<secret private='yes'><usage type='ceph'><name>client.libvirt</name></usage></secret>"
    ).setValue(b"unknown")
    connection.close()
    keeper.lab.write(SECRETS)
    actions = [(each["ref"], each["action"]) for each in keeper.plan()["changes"] if "ceph" in each["ref"]]
    assert [action for _, action in actions] == ["adopt", "update"]
    keeper.apply()
    keeper.settled()


def test_a_source_that_cannot_be_read_stops_its_resource_alone(keeper):
    keeper.lab.write(SECRETS)
    keeper.apply()
    del keeper.lab.environment["CEPH"]
    keeper.lab.environment["TLS"] = "rotated-tls"
    (blocked,) = [change for change in keeper.plan()["changes"] if change["blocked"]]
    assert blocked["ref"] == "Secret/ceph/client.libvirt"
    said = keeper.run("plan").stdout
    assert "main.yaml:1:1: Secret/ceph/client.libvirt value: env CEPH: there is no such variable" in said
    assert "[R615]" in said
    keeper.apply(code=73)
    assert value_of(keeper.lab, TLS, "front") == "rotated-tls"
    keeper.lab.environment["CEPH"] = MARKS["CEPH"]
    keeper.settled()


def test_without_a_grant_nothing_outside_the_repository_is_read(keeper):
    keeper.lab.write(SECRETS)
    keeper.lab.write("secrets: {env: ['*']}\n", "reconciler.yaml")
    plan = keeper.lab.plan()
    assert [change["blocked"]["number"] for change in plan["changes"]] == ["R404", "R404"]
    assert "reconciler.yaml grants does not count" in keeper.lab.run("plan").stdout


def test_filters_come_before_what_uses_them_and_go_after_it(keeper):
    keeper.lab.write(MACHINE, "vm.yaml")
    keeper.lab.write(FILTERS, "filters.yaml")
    order = [change["ref"] for change in keeper.plan()["changes"]]
    assert order.index("NwFilter/base") < order.index("NwFilter/ssh-only") < order.index("Domain/vm")
    keeper.apply()
    keeper.settled()
    keeper.lab.remove("filters.yaml")
    refused = keeper.run("plan", code=65).stderr
    assert "Domain/vm needs NwFilter/ssh-only, which nothing declares" in refused
    keeper.lab.write(
        MACHINE.replace(", filter: {name: ssh-only}", ", filter: {name: ssh-only}, external: true"), "vm.yaml"
    )
    reasons = {change["ref"]: change["blocked"]["reason"] for change in keeper.plan("--allow", "delete")["changes"]}
    assert "is used by Domain/vm" in reasons["NwFilter/ssh-only"]
    keeper.lab.write(MACHINE.replace(", filter: {name: ssh-only}", ""), "vm.yaml")
    keeper.apply("--allow", "delete")
    keeper.settled()
    connection = keeper.lab.connect()
    assert connection.listAllNWFilters() == []
    connection.close()


def test_what_is_imported_is_planned_as_adopt_and_libvirts_own_filters_are_left_out(keeper):
    connection = keeper.lab.connect()
    connection.nwfilterDefineXML(
        "<filter name='allow-arp' chain='arp' priority='-500'><rule action='accept' direction='inout'/></filter>"
    )
    connection.nwfilterDefineXML(
        "<filter name='mine'><filterref filter='allow-arp'/><rule action='drop' direction='in'><all/></rule>"
        "<filterref filter='allow-arp'/></filter>"
    )
    connection.secretDefineXML("<secret><usage type='volume'><volume>/srv/a b.img</volume></usage></secret>").setValue(
        MARKS["TLS"].encode()
    )
    before = connection.nwfilterLookupByName("mine").XMLDesc()
    connection.close()
    keeper.run("import", "--all", "--to", keeper.lab.directory)
    plan = keeper.plan()
    assert {(change["ref"], change["action"]) for change in plan["changes"]} == {
        ("NwFilter/mine", "adopt"),
        ("Secret/volume/srv/a b.img", "adopt"),
    }
    assert plan["unmanaged"] == []
    written = {path.name: path.read_text() for path in keeper.lab.directory.rglob("*.yaml")}
    assert not any(MARKS["TLS"] in text for text in written.values())
    keeper.apply()
    keeper.settled()
    connection = keeper.lab.connect()
    assert connection.nwfilterLookupByName("mine").XMLDesc() == before
    connection.close()


def spellings(value):
    """How a value may be written somewhere."""
    raw = value.encode()
    return [raw, base64.b64encode(raw).rstrip(b"="), raw.hex().encode()]


def contents(path):
    """What a file holds, and behind the HEAD of a git repository what all its objects do."""
    yield path.read_bytes()
    if path.name == "HEAD":
        every = ("git", "-C", path.parent, "cat-file", "--batch-all-objects", "--batch")
        objects = subprocess.run(every, capture_output=True, check=True).stdout
        assert b"commit" in objects
        yield objects


def files_below(*roots):
    return [path for root in roots for path in root.rglob("*") if path.is_file()]


def assert_unseen(marks, said, files):
    for shown in said:
        assert not any(mark in shown.stdout + shown.stderr for mark in marks), shown
    for path in files:
        for content in contents(path):
            assert not any(word in content for mark in marks for word in spellings(mark)), path


def test_nothing_of_a_value_is_seen_anywhere_but_in_libvirt(keeper, tmp_path):
    lab = keeper.lab
    lab.write(SECRETS, "secrets.yaml")
    lab.write(MACHINE, "vm.yaml")
    lab.write(FILTERS, "filters.yaml")
    planned = tmp_path / "plan.json"
    said = [
        keeper.run("plan", "--out", planned),
        keeper.run("-v", "plan", "--diff", "xml"),
        keeper.run("apply", "--yes", "-v"),
        keeper.run("status"),
        keeper.run("-v", "status", "-o", "json"),
        keeper.run("render", "Domain/vm"),
        keeper.run("render", "Secret/tls/front"),
        keeper.run("history", "Domain/vm"),
        keeper.run("history", "Secret/tls/front"),
        keeper.run("import", "Domain/vm", "Secret/tls/front", "--to", tmp_path / "taken"),
    ]
    lab.environment |= {"VNC": "mk7q-new", "CEPH": ROTATED, "TLS": MARKS["TLS"] + "2"}
    # libvirt refuses a second screen of one kind, and with it the whole definition.
    lab.write(MACHINE.replace("graphics: [", "graphics: [{type: vnc, password: {env: TLS}, port: 5999}, "), "vm.yaml")
    said += [
        keeper.run("plan", "--out", planned),
        keeper.run("-v", "plan", "--diff", "xml", "-o", "json"),
        keeper.run("apply", "--yes", "-v", "-o", "json", code=1),
    ]
    assert "failed" in said[-1].stdout
    lab.write(MACHINE, "vm.yaml")
    said += [keeper.run("apply", "--yes", "-v"), keeper.run("rollback", "Domain/vm", "--yes", code=None)]
    marks = [*MARKS.values(), "mk7q-new", ROTATED]
    ours = [planned, *files_below(lab.state, tmp_path / "taken")]
    assert len(ours) > 10 and len(files_below(tmp_path / "taken")) == 2
    assert_unseen(marks, said, ours)
    key = lab.state / "secret.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert value_of(lab, TLS, "front") == MARKS["TLS"] + "2"


def encrypted(text, lab, *only):
    """The documents with the values under these keys encrypted, for a key that the lab has from now on."""
    identity, recipient = sops.identity()
    lab.environment["SOPS_AGE_KEY"] = identity
    return sops.encrypt(list(yaml.safe_load_all(text)), recipient, only)


VALUES = SECRETS.replace("{env: CEPH}", MARKS["CEPH"]).replace("{env: TLS}", MARKS["TLS"])
GRAPHICS = MACHINE.replace("{env: VNC}", MARKS["VNC"]).replace(", filter: {name: ssh-only}", "")


def test_nothing_of_an_encrypted_value_is_seen_where_only_secrets_are_encrypted(keeper, tmp_path):
    lab = keeper.lab
    planned = tmp_path / "plan.json"
    lab.write(encrypted(f"{VALUES}---\n{GRAPHICS}", lab, "value", "password"))
    said = [
        keeper.run("plan", "--out", planned),
        keeper.run("-v", "plan", "--diff", "xml", "-o", "json"),
        keeper.run("apply", "--yes", "-v", "-o", "json"),
        keeper.run("-v", "status", "-o", "json"),
        keeper.run("render", "Domain/vm"),
        keeper.run("render", "--as", "yaml", "--all"),
        keeper.run("history", "Secret/tls/front"),
    ]
    ours = [planned, *files_below(lab.state)]
    assert len(ours) > 10
    assert_unseen(MARKS.values(), said, ours)
    assert value_of(lab, TLS, "front") == MARKS["TLS"]
    keeper.settled()


@pytest.mark.parametrize(
    ("only", "where", "said"),
    [
        ((), "main.yaml:1:1", "the whole document is encrypted"),
        (("userData", "password"), "main.yaml:15:17", "spec.cloudInit.userData.password is encrypted"),
    ],
)
def test_what_would_be_shown_of_an_encrypted_document_is_refused_and_seen_nowhere(keeper, tmp_path, only, where, said):
    lab = keeper.lab
    told = f"  title: {MARKS['TLS']}\n  power: stopped\n"
    seed = f"  cloudInit: {{userData: {{password: {MARKS['CEPH']}}}}}\n"
    machine = "\n".join(line for line in GRAPHICS.replace("  power: stopped\n", told).split("\n") if "lan" not in line)
    lab.write(encrypted(machine.replace("  interfaces:\n", seed), lab, *only))
    told = [
        keeper.run(*words, code=65)
        for words in (
            ("plan", "--out", tmp_path / "plan.json"),
            ("-v", "plan", "-o", "json"),
            ("apply", "--yes", "-v"),
            ("render", "--as", "yaml", "--all"),
        )
    ]
    for shown in told:
        assert shown.stderr.count("R122") == 1 or shown.stdout.count("R122") == 1
    assert f"{where}: {said}" in told[0].stderr and "--encrypted-regex" in told[0].stderr
    assert not (tmp_path / "plan.json").exists()
    assert_unseen(MARKS.values(), told, files_below(lab.state))
