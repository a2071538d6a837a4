"""Secret values come from where the settings permit, and nothing of them is in any message."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pyrage
import pytest

from reconciler.adapters.seal_key import SealKey
from reconciler.adapters.vault import OutsideVault, Tree
from reconciler.app.sources import parsed
from reconciler.errors import ReconcilerError, trouble
from reconciler.model.secrets import Grants, Reference, Secret
from tests import sops

MARK = "hunter2-marker"


class Files:
    """The desired state's files."""

    def __init__(self, **files: str | bytes) -> None:
        self.files = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}

    def content(self, path: str) -> bytes:
        if path not in self.files:
            raise trouble("R112", "the file cannot be read: No such file or directory", path)
        return self.files[path]


def vault(grants: Grants | None = None, files: Files | None = None, seconds: float = 5, **environment: str):
    tree = Tree(content=(files or Files()).content, parsed=parsed)
    return OutsideVault(grants or Grants(), tree, {"PATH": os.environ["PATH"], **environment}, seconds)


def at(source: str, *words: str, key: str = "", encoding: str = "") -> Reference:
    return Reference(source=source, at=words, key=key, encoding=encoding)


def refusal(number: str, of: OutsideVault, reference: Reference) -> str:
    with pytest.raises(ReconcilerError) as caught:
        of.value(reference)
    (problem,) = caught.value.problems
    assert problem.number == number, problem
    assert MARK not in str(problem)
    return problem.message


def test_a_file_below_a_granted_directory_gives_its_content_without_the_last_line_end(tmp_path: Path) -> None:
    (tmp_path / "vnc").write_text(f"{MARK}\n")
    found = vault(Grants(files=(str(tmp_path),))).value(at("file", str(tmp_path / "vnc")))
    assert found == Secret(MARK.encode())


@pytest.mark.parametrize("way", ["outside", "link", "dots", "sibling", "relative"])
def test_a_file_elsewhere_is_refused_however_it_is_named(tmp_path: Path, way: str) -> None:
    granted, other = tmp_path / "keys", tmp_path / "keys-of-others"
    granted.mkdir()
    other.mkdir()
    (other / "vnc").write_text(MARK)
    (granted / "link").symlink_to(other / "vnc")
    named = {
        "outside": "/etc/shadow",
        "link": str(granted / "link"),
        "dots": f"{granted}/../keys-of-others/vnc",
        "sibling": str(other / "vnc"),
        "relative": "keys/vnc",
    }[way]
    assert "secrets.files" in refusal("R404", vault(Grants(files=(str(granted),))), at("file", named))


def test_what_is_no_readable_file_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    granted = vault(Grants(files=(str(tmp_path),)))
    assert "No such file" in refusal("R615", granted, at("file", str(tmp_path / "none")))
    assert "no regular file" in refusal("R615", granted, at("file", str(tmp_path / "pipe")))
    assert "directory" in refusal("R615", granted, at("file", str(tmp_path)))


def test_nothing_is_granted_unless_the_settings_do_it() -> None:
    for reference in (at("file", "/etc/hostname"), at("env", "PATH"), at("command", "echo", MARK)):
        refusal("R404", vault(), reference)


def test_a_refusal_says_which_settings_do_not_count() -> None:
    assert "/state/reconciler.yaml" in refusal("R404", vault(Grants(ignored="/state/reconciler.yaml")), at("env", "A"))


def test_a_variable_is_granted_by_name_or_wildcard() -> None:
    found = vault(Grants(env=("VNC_*",)), VNC_WEB=MARK, OTHER=MARK)
    assert found.value(at("env", "VNC_WEB")) == Secret(MARK.encode())
    refusal("R404", found, at("env", "OTHER"))
    assert "no such variable" in refusal("R615", found, at("env", "VNC_DB"))


def program(folder: Path, text: str) -> str:
    path = folder / "keeper"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_granted_program_gives_what_it_prints_and_is_run_without_a_shell(tmp_path: Path) -> None:
    keeper = program(tmp_path, 'printf "%s\\n" "$2"')
    found = vault(Grants(commands=((keeper, "show"),)))
    assert found.value(at("command", keeper, "show", "$(id); *")) == Secret(b"$(id); *")
    refusal("R404", found, at("command", keeper, "delete", "all"))
    refusal("R404", found, at("command", "keeper", "show", "x"))


def test_a_program_is_run_once_for_all_that_ask_the_same(tmp_path: Path) -> None:
    keeper = program(tmp_path, f"echo x >>{tmp_path}/runs; echo value")
    found = vault(Grants(commands=((keeper,),)))
    assert {found.value(at("command", keeper)).reveal() for _ in range(3)} == {"value"}
    assert (tmp_path / "runs").read_text() == "x\n"


def test_what_a_failing_program_says_is_never_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    keeper = program(tmp_path, f"echo {MARK}; echo 'cannot open {MARK}' >&2; exit 7")
    message = refusal("R615", vault(Grants(commands=((keeper,),))), at("command", keeper, MARK))
    assert "status 7" in message
    assert MARK not in "".join(capfd.readouterr())


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    keeper = program(tmp_path, f"sleep 60 & echo $! >{tmp_path}/child; wait")
    begun = time.monotonic()
    assert "has not ended" in refusal("R615", vault(Grants(commands=((keeper,),)), seconds=0.5), at("command", keeper))
    assert time.monotonic() - begun < 5
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _runs(child):
        time.sleep(0.02)
    assert not _runs(child)


def _runs(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_program_beside_the_manifests_is_not_found_by_its_name(tmp_path: Path, monkeypatch) -> None:
    program(tmp_path, "echo stolen")
    monkeypatch.chdir(tmp_path)
    found = vault(Grants(commands=(("keeper",),)), PATH=f".:{Path('/usr/bin')}")
    assert "no such program" in refusal("R615", found, at("command", "keeper"))


def test_bytes_may_be_spelled_in_base64() -> None:
    found = vault(Grants(env=("*",)), KEY="AP8B\n", WRONG="?" + MARK)
    assert found.value(at("env", "KEY", encoding="base64")) == Secret(b"\x00\xff\x01")
    assert "not base64" in refusal("R615", found, at("env", "WRONG", encoding="base64"))


def test_an_empty_value_and_an_endless_one_are_refused() -> None:
    found = vault(Grants(env=("*",)), EMPTY="", LONG="x" * 65537)
    assert "empty" in refusal("R615", found, at("env", "EMPTY"))
    assert "64 KiB" in refusal("R615", found, at("env", "LONG"))


def test_an_age_file_of_the_repository_is_opened_with_the_key_that_is_named(tmp_path: Path) -> None:
    key, recipient = sops.identity()
    (tmp_path / "age").write_text(f"# created: today\n{key}\n")
    to = [pyrage.x25519.Recipient.from_str(recipient)]
    for armored in (False, True):
        files = Files(**{"vnc.age": pyrage.encrypt(f"{MARK}\n".encode(), to, armored=armored)})
        by_settings = vault(Grants(age_key_file=str(tmp_path / "age")), files)
        by_environment = vault(None, files, SOPS_AGE_KEY_FILE=str(tmp_path / "age"))
        by_value = vault(None, files, SOPS_AGE_KEY=key)
        for each in (by_settings, by_environment, by_value):
            assert each.value(at("age", "vnc.age")) == Secret(MARK.encode())
    assert "no age key" in refusal("R120", vault(None, files), at("age", "vnc.age"))
    assert "none of the age keys" in refusal(
        "R120", vault(None, files, SOPS_AGE_KEY=sops.identity()[0]), at("age", "vnc.age")
    )


def test_a_wrong_file_of_age_keys_is_said_without_its_lines(tmp_path: Path) -> None:
    (tmp_path / "age").write_text(f"AGE-SECRET-KEY-{MARK}\n")
    files = Files(**{"vnc.age": b"age-encryption.org/v1\n"})
    assert "no age identity" in refusal(
        "R120", vault(None, files, SOPS_AGE_KEY_FILE=str(tmp_path / "age")), at("age", "vnc.age")
    )


SECRETS = {"db": {"password": MARK, "port": 5432, "on": True}, "list": [{"a": "first"}, {"a": "second"}], "none": None}


def test_a_value_inside_a_sops_file_is_found_by_its_path() -> None:
    key, recipient = sops.identity()
    files = Files(**{"s.yaml": sops.encrypt([SECRETS], recipient), "s.json": sops.encrypt_json(SECRETS, recipient)})
    found = vault(None, files, SOPS_AGE_KEY=key)
    for name in ("s.yaml", "s.json"):
        assert found.value(at("sops", name, key="db.password")) == Secret(MARK.encode())
        assert found.value(at("sops", name, key="db.port")) == Secret(b"5432")
        assert found.value(at("sops", name, key="list.1.a")) == Secret(b"second")
        assert "no such key" in refusal("R615", found, at("sops", name, key="db.pass"))
        assert "no single value" in refusal("R615", found, at("sops", name, key="db"))
    assert "No such file" in refusal("R615", found, at("sops", "none.yaml", key="a"))


def test_a_file_that_covers_encrypted_values_alone_is_opened_too() -> None:
    key, recipient = sops.identity()
    text = sops.encrypt([SECRETS], recipient, ["password"], mac_only=True).replace("5432", "5433")
    found = vault(None, Files(**{"s.yaml": text}), SOPS_AGE_KEY=key)
    assert found.value(at("sops", "s.yaml", key="db.port")) == Secret(b"5433")


@pytest.mark.parametrize("change", ["value", "moved", "removed", "added", "code"])
def test_a_sops_file_that_was_changed_by_hand_is_refused(change: str) -> None:
    key, recipient = sops.identity()
    text = sops.encrypt([{"a": "one", "b": MARK, "plain": {"c": 1}}], recipient, ["a", "b"])
    lines = text.splitlines()
    match change:
        case "value":
            text = text.replace("c: 1", "c: 2")
        case "moved":
            lines[0], lines[1] = lines[1].replace("b:", "a:"), lines[0].replace("a:", "b:")
            text = "\n".join(lines)
        case "removed":
            text = "\n".join(lines[1:])
        case "added":
            text = "d: more\n" + text
        case _:
            text = text.replace(sops.MODIFIED, "2026-11-25T09:00:00Z")
    found = vault(None, Files(**{"s.yaml": text}), SOPS_AGE_KEY=key)
    assert "by hand" in refusal("R120", found, at("sops", "s.yaml", key="b"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b\n", "no sops block"),
        ("a: b\nsops: {mac: x, kms: [{arn: x}]}\n", "no age recipient"),
        ("a: b\nsops: {key_groups: [{age: []}, {age: []}]}\n", "several key groups"),
        ("- a\n", "no sops block"),
    ],
)
def test_what_is_no_file_for_us_is_said(text: str, message: str) -> None:
    found = vault(None, Files(**{"s.yaml": text}), SOPS_AGE_KEY=sops.identity()[0])
    assert message in refusal("R121", found, at("sops", "s.yaml", key="a"))


def test_the_key_of_seals_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "secret.key"
    assert not path.exists()
    first = SealKey(path)()
    assert len(first) == 32 and SealKey(path)() == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["secret.key"]


def test_several_programs_that_make_the_key_at_once_have_one(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from reconciler.adapters.seal_key import SealKey\n"
        "print(SealKey(Path(sys.argv[1]))().hex())"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "k")], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert len({each.communicate()[0] for each in running}) == 1


def test_where_no_key_can_be_stored_it_lives_as_long_as_the_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    key = SealKey(tmp_path / "file" / "secret.key")
    assert key() == key() and len(key()) == 32
