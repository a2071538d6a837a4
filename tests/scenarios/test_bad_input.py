"""What people get wrong in files: each mistake is told with its place, all at once, and nothing is touched."""

import json
import os
import subprocess
import sys

import libvirt
import pytest

HEAD = "apiVersion: reconciler/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n"
# Nobody listens there: whoever asks a host is found out by the exit code.
NOBODY = "qemu+unix:///system?socket=/nonexistent/libvirt-sock"


def document(body, kind="Domain", name="a"):
    """One document; its spec begins in line 5."""
    return HEAD.format(kind=kind, name=name) + body


@pytest.fixture
def desk(tmp_path):
    """`desk(files, *verb)` runs the program over these files; gives the process."""
    directory, state = tmp_path / "desired", tmp_path / "state"
    directory.mkdir()

    def run(files, *verb):
        for name, content in files.items():
            path = directory / name
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        where = ["-C", str(directory), "--state-dir", str(state), "-c", NOBODY]
        environment = {**os.environ, "RECONCILER_CACHE_DIR": str(tmp_path / "cache")}
        command = [sys.executable, "-m", "reconciler", *where, *(verb or ("validate",))]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
        assert not state.exists(), "a run that could not begin has written"
        return ran

    run.directory = directory
    return run


CASES = {
    "an unquoted MAC of digits": (
        "  interfaces: [{name: n, network: default, mac: 52:54:00:12:34:56}]\n",
        ":5:49",
        "R108",
    ),
    "no": ("  autostart: no\n", ":5:14", "R108"),
    "an octal number": ("  memory: 0644\n", ":5:11", "R108"),
    "base 60": ("  title: 12:30\n", ":5:10", "R108"),
    "a date": ("  title: 2026-11-22\n", ":5:10", "R108"),
    "a key twice": ("  memory: 1GiB\n  memory: 2GiB\n", ":6:3", "R104"),
    "an unknown field": ("  memroy: 1GiB\n", ":5:3", "did you mean memory?"),
    "an unknown field inside": ("  memory: {maximum: 1GiB}\n", ":5:12", "R203"),
    "a wrong unit": ("  memory: 2Gigs\n", ":5:11", "R204"),
    "a wrong type": ("  vcpus: two\n", ":5:10", "R204"),
    "a list for a mapping": ("  disks: {name: root}\n", ":5:10", "R204"),
    "a Python tag": ("  title: !!python/object/apply:os.system [id]\n", ":5:10", "R105"),
    "an anchor": ("  title: &x here\n", ":5:10", "R105"),
    "a merge key": ("  <<: {memory: 1GiB}\n", ":5:3", "R105"),
    "a stray bracket": ("  disks: [{name: root}\n", ":6:1", "R101"),
    "a tab": ("\tmemory: 1GiB\n", ":5:1", "R101"),
    "a control character": ('  title: "a\x07b"\n', ":5:12", "R101"),
    "an escaped control character": ('  title: "a\\e[31m"\n', ":5:10", "R204"),
    "deep nesting": ("  title: " + "[" * 5000 + "]" * 5000 + "\n", ":5:", "R106"),
    "a network that nobody declares": ("  interfaces: [{name: n, network: lan}]\n", ":5:35", "R302"),
    "a profile that nobody declares": ("  profile: small\n", ":5:12", "R302"),
    "an overlay that ends too early": ("  xml: |\n    <domain>\n      <devices>\n    </domain>\n", ":8:", "R110"),
    "an overlay on one line": ('  xml: "<domain><a></domain>"\n', ":5:8", "R110"),
    "an overlay with a DOCTYPE": ("  xml: |\n    <!DOCTYPE d SYSTEM 'file:///etc/passwd'><domain/>\n", ":6:5", "R110"),
    "an overlay of another kind": ("  xml: <network/>\n", ":5:8", "R111"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_told_with_its_place_and_number(desk, name):
    body, place, words = CASES[name]
    ran = desk({"a.yaml": document(body)})
    assert ran.returncode == 65, ran.stderr
    assert f"error: a.yaml{place}" in ran.stderr and words in ran.stderr and "  cure: " in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("name", ["a/b", ".", "..", "-a", '" a"', '"a\\tb"', '"a\\u001b[31m"', '"\\u202egnp"', '""'])
def test_a_name_that_no_file_and_no_terminal_could_bear_is_refused(desk, name):
    ran = desk({"a.yaml": document("  memory: 1GiB\n", name=name)})
    assert ran.returncode == 65
    assert "error: a.yaml:3:18: " in ran.stderr and ("R206" in ran.stderr or "R204" in ran.stderr)
    assert "\x1b" not in ran.stderr and "\u202e" not in ran.stderr


BOMB = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
XML = {
    "a bomb": (f'<!DOCTYPE d [<!ENTITY l0 "l">{BOMB}]>\n<domain><name>&l11;</name></domain>', "R110"),
    "a file of the system": (
        '<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]><domain><name>&e;</name></domain>',
        "R110",
    ),
    "half a document": ("<domain type='qemu'><name>a</name>", "R110"),
    "no resource": ("<html/>", "R111"),
    "no name": ("<domain/>", "R205"),
    "a path for a name": ("<domain><name>../../etc/passwd</name></domain>", "R206"),
}


@pytest.mark.parametrize("name", XML)
def test_xml_that_is_no_resource_or_not_safe_is_refused(desk, name):
    text, number = XML[name]
    ran = desk({"a.xml": text})
    assert ran.returncode == 65 and number in ran.stderr and "error: a.xml:1:" in ran.stderr
    assert "root:" not in ran.stderr


@pytest.mark.parametrize(
    "text",
    [
        "<pool><name>p</name><target><path>/x</path><permissions><mode>q</mode></permissions></target></pool>",
        "<volume><name>v</name><capacity unit='lots'>x</capacity></volume>",
        "<network><name>n1</name><ip address='x' netmask='y'/></network>",
        "<network><name>n1</name><ip><dhcp><range><lease expiry='abc'/></range></dhcp></ip></network>",
        "<domain><name>d</name><memory unit='lots'>x</memory><vcpu current='z'>y</vcpu></domain>",
    ],
)
def test_numbers_that_are_none_are_no_bug(desk, text):
    ran = desk({"a.xml": text})
    assert ran.returncode in (0, 65) and "R999" not in ran.stderr


def test_a_broken_overlay_in_a_profile_that_nobody_uses_is_found(desk):
    ran = desk({"a.yaml": document('  xml: "<domain"\n', kind="Profile")})
    assert ran.returncode == 65 and "error: a.yaml:5:8: " in ran.stderr


@pytest.mark.parametrize("uri", ["not a uri", "qemu+ssh://a b/system", "''"])
def test_a_host_without_a_usable_uri_is_refused(desk, uri):
    ran = desk({"a.yaml": document(f"  uri: {uri}\n", kind="Host")})
    assert ran.returncode == 65 and "error: a.yaml:5:8: " in ran.stderr


def test_two_documents_with_one_name_and_a_circle_are_told(desk):
    one = document("  memory: 1GiB\n")
    volumes = [
        document(f"  capacity: 1GiB\n  backing: {{volume: {other}}}\n", kind="Volume", name=name)
        for name, other in (("v", "w"), ("w", "v"))
    ]
    ran = desk({"a.yaml": one, "b.yaml": one, "c.yaml": "---\n".join(volumes)})
    assert ran.returncode == 65
    assert "error: b.yaml:1:1: Domain/a is declared in a.yaml:1:1 already" in ran.stderr
    assert "Volume/default/v -> Volume/default/w -> Volume/default/v" in ran.stderr


def mess(directory):
    """Files that are wrong in every way, with the number each must be told by."""
    (directory / "out.yaml").symlink_to("/etc/passwd")
    (directory / "loop.yaml").symlink_to("loop.yaml")
    for name in ("big.yaml", "big.xml"):
        with (directory / name).open("wb") as file:
            file.truncate(100 << 20)
    os.mkfifo(directory / "pipe.yaml")
    files = {
        "latin.yaml": b"kind: \xff\n",
        "torn.xml": b"<domain>",
        "typo.yaml": document("  memroy: 1GiB\n", name="typo"),
        "trap.yaml": document("  autostart: no\n", name="trap"),
        "over.yaml": document('  xml: "<domain"\n', name="over"),
    }
    numbers = {
        "out.yaml": "R109",
        "loop.yaml": "R112",
        "big.yaml": "R103",
        "big.xml": "R103",
        "latin.yaml": "R102",
        "torn.xml": "R110",
        "typo.yaml": "R203",
        "trap.yaml": "R108",
        "over.yaml": "R110",
    }
    return files, numbers


@pytest.mark.parametrize("verb", [("validate",), ("plan",), ("apply", "--yes"), ("status",)], ids=lambda verb: verb[0])
def test_every_problem_of_every_file_is_told_at_once_and_no_host_is_asked(desk, verb):
    files, numbers = mess(desk.directory)
    ran = desk(files, *verb, "-o", "json")
    assert ran.returncode == 65
    problems = json.loads(ran.stdout)["problems"]
    found = {problem["where"].split(":")[0]: problem["number"] for problem in problems}
    assert {name: found.get(name) for name in numbers} == numbers
    assert all(problem["cure"] and problem["where"].count(":") == 2 for problem in problems)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("conect: embedded\n", ":1:1"),
        ("parallelism: many\n", ":1:"),
        ("owner: no\n", ":1:"),
        ("a: [\n", ":"),
        ("connect: !!python/object/apply:os.system [id]\n", ":1:"),
    ],
)
def test_wrong_settings_are_told_with_their_place(desk, text, place):
    ran = desk({"reconciler.yaml": text}, "plan")
    assert ran.returncode == 64 and "R802" in ran.stderr and f"reconciler.yaml{place}" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.e2e
def test_the_host_and_the_ledger_stay_as_they_are(lab):
    lab.write(document("  {type: qemu, memory: 64MiB, power: stopped}\n"), "a.yaml")
    lab.converge()
    before = lab.domain("a").XMLDesc(2)
    head = (lab.state / "ledger.git" / "refs").stat().st_mtime_ns
    lab.write(document("  {type: qemu, memory: 65MiB, power: stopped}\n"), "a.yaml")
    lab.write(document("  {type: qemu, memory: 64}\n", name="b"), "b.yaml")
    lab.run("apply", "--yes", "--allow", "delete,mass-delete,replace,restart", code=65)
    assert lab.domain("a").XMLDesc(2) == before
    assert (lab.state / "ledger.git" / "refs").stat().st_mtime_ns == head


@pytest.mark.e2e
@pytest.mark.parametrize(
    "change",
    [
        ("<memory unit='KiB'>65536</memory>", "<memory unit='lots'>x</memory>"),
        ("<vcpu placement='static'>1</vcpu>", "<vcpu current='z'>y</vcpu>"),
    ],
)
def test_a_number_that_is_none_is_refused_before_it_gets_to_the_host(lab, change):
    lab.converge(document("  {type: qemu, memory: 64MiB, power: stopped}\n"))
    text = lab.domain("a").XMLDesc(2)
    lab.remove()
    lab.write(text.replace(*change), "a.xml")
    (planned,) = lab.plan()["changes"]
    assert planned["blocked"] is not None
    lab.apply(code=73)
    assert lab.domain("a").XMLDesc(2) == text


@pytest.mark.e2e
def test_texts_that_attack_the_terminal_reach_it_as_escapes(lab):
    title = '"\\u009b2J \\u202Ereversed \\u2028"'
    connection = lab.connect()
    connection.defineXML(
        "<domain type='qemu'><name>b\u202e</name><memory>70000</memory><os><type>hvm</type></os></domain>"
    )
    lab.write(document(f"  {{type: qemu, memory: 64MiB, power: stopped, description: {title}}}\n"))
    for verb in (("plan",), ("plan", "--diff", "xml"), ("status",), ("apply", "--yes")):
        ran = lab.run(*verb, code=None)
        assert not {"\x1b", "\x9b", "\u202e", "\u2028"} & set(ran.stdout + ran.stderr), verb
        assert "Traceback" not in ran.stderr, verb


def test_the_test_driver_is_a_host_like_any_other(tmp_path):
    directory = tmp_path / "desired"
    directory.mkdir()
    (directory / "a.yaml").write_text(document("  {memory: 64MiB}\n"))
    where = ["-C", str(directory), "--state-dir", str(tmp_path / "state"), "-c", "test:///default"]
    environment = {**os.environ, "RECONCILER_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "reconciler", *where, "plan", "-o", "json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert libvirt.getVersion() and ran.returncode == 0, ran.stderr
    assert [change["ref"] for change in json.loads(ran.stdout)["changes"]] == ["Domain/a"]
