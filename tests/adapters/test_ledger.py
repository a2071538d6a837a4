"""What only the ledger in git can show: its files, its faults, and what is left after a kill."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from reconciler.adapters import commits, plumbing
from reconciler.adapters.ledger import GitLedger, redact
from reconciler.errors import BusyError, ReconcilerError
from reconciler.model.inventory import Applied, Inventory, Owned
from reconciler.model.refs import Ref
from reconciler.ports import LedgerChange
from tests.contract.fakes import FakeClock

FOLDERS = {"Domain": "domains", "Volume": "volumes"}
WEB = Ref("Domain", "web-1")
ROOT = Path(__file__).parents[2]

# Records without end, one line for each commit; `os.getpid` keeps two of them apart.
WRITER = """
import os, signal, sys
from pathlib import Path
from tests.adapters.test_ledger import change, opened
signal.signal(signal.SIGINT, lambda number, frame: None)
ledger = opened(Path(sys.argv[1]), sys.argv[2])
ledger.inventory()
for number in range(int(sys.argv[3])):
    print(ledger.record(change(f"{os.getpid()} {number}")), flush=True)
"""


def opened(path: Path, host: str = "hv1") -> GitLedger:
    return GitLedger(path, host, folders=FOLDERS, clock=FakeClock())


def change(digest: str, ref: Ref = WEB, size: int = 1) -> LedgerChange:
    owned = Owned(ref=ref, uuid="u", digest=digest, owner="o")
    return LedgerChange(
        inventory=Inventory(host="hv1", objects={ref: owned}),
        definitions={ref: f"<domain>{digest * size}</domain>\n"},
        applied={ref: Applied(claims={"digest": digest})},
        message=f"record {digest}",
    )


def git(path: Path, *arguments: str) -> str:
    command = ["git", f"--git-dir={path}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def everything(directory: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in directory.rglob("*")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.git"


def test_reading_writes_nothing_anywhere(path: Path, tmp_path: Path) -> None:
    ledger = opened(path)
    ledger.inventory(), ledger.applied(WEB), ledger.definition(WEB), list(ledger.versions(WEB))
    assert everything(tmp_path) == {}

    opened(path, "hv2").record(change("d1"))
    before = everything(tmp_path)
    for host in ("hv1", "hv2"):
        ledger = opened(path, host)
        ledger.inventory(), ledger.applied(WEB), ledger.definition(WEB), list(ledger.versions(WEB))
        ledger.close()
    assert everything(tmp_path) == before


def test_the_files_are_where_the_documentation_says(path: Path) -> None:
    ledger = opened(path)
    ledger.record(change("d1"))
    ledger.record(change("d1", Ref("Volume", "default/web-1")))
    names = git(path, "ls-tree", "-r", "--name-only", "hosts/hv1").split()
    assert names == [
        "applied/domains/web-1.yaml",
        "applied/volumes/default/web-1.yaml",
        "domains/web-1.xml",
        "inventory.json",
        "volumes/default/web-1.xml",
    ]
    assert git(path, "show", "hosts/hv1:domains/web-1.xml") == "<domain>d1</domain>\n"


def test_a_commit_says_who_and_when(path: Path) -> None:
    clock = FakeClock()
    clock.moment = "2026-11-22T23:59:59Z"
    ledger = GitLedger(path, "hv1", folders=FOLDERS, clock=clock, author="Ann Otter <ann@example.org>")
    ledger.record(change("d1"))
    said = git(path, "log", "-1", "--format=%an <%ae> %cI %B", "hosts/hv1")
    assert said.strip() == "Ann Otter <ann@example.org> 2026-11-22T23:59:59Z record d1".replace("Z", "+00:00")


@pytest.mark.parametrize("author", ["", "Ann", "Ann <ann>\nfrom x", "<ann>", "Ann <a<b>"])
def test_an_author_that_git_would_not_take_is_refused_at_once(path: Path, author: str) -> None:
    with pytest.raises(ReconcilerError, match="R802"):
        GitLedger(path, "hv1", folders=FOLDERS, clock=FakeClock(), author=author)


def test_people_see_the_history_with_plain_git_log(path: Path) -> None:
    opened(path).record(change("d1"))
    assert "record d1" in git(path, "log")


@pytest.mark.parametrize("name", ["..", ".git", 'a b"c\\d\n', "größe", "Web-1", "x" * 3000, "a//b/", "-rf"])
def test_odd_names_are_kept(path: Path, name: str) -> None:
    ref = Ref("Domain", name)
    opened(path).record(change("d1", ref))
    ledger = opened(path)
    assert ledger.inventory().objects[ref].digest == "d1"
    assert ledger.applied(ref) == Applied(claims={"digest": "d1"})
    assert ledger.definition(ref) == "<domain>d1</domain>\n"
    assert len(list(ledger.versions(ref))) == 1


def test_names_that_differ_by_case_alone_are_two(path: Path) -> None:
    ledger = opened(path)
    ledger.record(change("lower", Ref("Domain", "web")))
    ledger.record(change("upper", Ref("Domain", "WEB")))
    assert ledger.definition(Ref("Domain", "web")) == "<domain>lower</domain>\n"
    assert ledger.definition(Ref("Domain", "WEB")) == "<domain>upper</domain>\n"


def test_the_callers_git_environment_is_not_ours(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path / "objects"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "broken"))
    (tmp_path / "broken").write_text("[not git")
    opened(path).record(change("d1"))
    assert opened(path).definition(WEB) == "<domain>d1</domain>\n"
    assert not (tmp_path / "elsewhere").exists()


def test_a_broken_ledger_is_never_taken_for_the_repository_around_it(path: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    path.mkdir(parents=True)
    with pytest.raises(ReconcilerError, match="R701"):
        opened(path).inventory()


def lose_the_objects(path: Path) -> None:
    for pack in (path / "objects" / "pack").iterdir():
        pack.unlink()


def cut_the_pack(path: Path) -> None:
    (pack,) = (path / "objects" / "pack").glob("*.pack")
    pack.chmod(0o600)
    pack.write_bytes(pack.read_bytes()[:40])


def spoil_the_pack(path: Path) -> None:
    (pack,) = (path / "objects" / "pack").glob("*.pack")
    pack.chmod(0o600)
    pack.write_bytes(pack.read_bytes()[:12] + b"\xff" * 400)


def blank_the_branch(path: Path) -> None:
    (path / "refs/heads/hosts/hv1").write_bytes(b"\0" * 41)


def empty_the_branch(path: Path) -> None:
    (path / "refs/heads/hosts/hv1").write_bytes(b"")


def lose_a_packed_branchs_objects(path: Path) -> None:
    git(path, "pack-refs", "--all")
    lose_the_objects(path)


def lose_head(path: Path) -> None:
    (path / "HEAD").unlink()


def write_nonsense(path: Path) -> None:
    stream = b"commit refs/heads/hosts/hv1\ncommitter a <a> 1 +0000\ndata 1\nx\n"
    stream += b"M 100644 inline inventory.json\ndata 3\n{]}\n"
    subprocess.run(["git", f"--git-dir={path}", "fast-import", "--quiet", "--force"], input=stream, check=True)


@pytest.mark.parametrize(
    "spoil",
    [
        lose_the_objects,
        cut_the_pack,
        spoil_the_pack,
        blank_the_branch,
        empty_the_branch,
        lose_a_packed_branchs_objects,
        lose_head,
        write_nonsense,
    ],
)
def test_a_broken_ledger_is_an_error_and_not_an_empty_one(path: Path, spoil: Callable[[Path], None]) -> None:
    opened(path).record(change("d1"))
    spoil(path)
    with pytest.raises(ReconcilerError, match=r"ledger\.git: .*fsck.*R701"):
        opened(path).inventory()


def test_a_reader_goes_on_after_the_ledger_was_mended(path: Path) -> None:
    opened(path).record(change("d1"))
    ledger = opened(path)
    path.rename(path.with_name("aside"))
    path.mkdir()
    with pytest.raises(ReconcilerError, match="R701"):
        ledger.inventory()
    path.rmdir()
    path.with_name("aside").rename(path)
    assert ledger.inventory().objects[WEB].digest == "d1"


def test_a_ledger_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(ReconcilerError, match=r"state/ledger\.git: .*R701"):
        opened(tmp_path / "state" / "ledger.git").record(change("d1"))


@pytest.mark.parametrize("lock", ["HEAD.lock", "refs/heads/hosts/hv1.lock"])
def test_a_lock_of_a_killed_git_does_not_stop_the_next_commit(path: Path, lock: str) -> None:
    opened(path).record(change("d1"))
    (path / lock).touch()
    opened(path).record(change("d2"))
    assert opened(path).inventory().objects[WEB].digest == "d2"


def start(path: Path, count: int, host: str = "hv1") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), host, str(count)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, **pipes, text=True, start_new_session=True)


@pytest.mark.parametrize("with_git", [False, True], ids=["the program alone", "git with it"])
def test_a_kill_at_any_moment_leaves_a_sound_ledger(path: Path, with_git: bool) -> None:
    chance = random.Random(42)
    for _ in range(int(os.environ.get("LEDGER_KILLS", "3"))):
        with start(path, 1000) as writer:
            assert writer.stdout is not None
            reported = [writer.stdout.readline().strip()]
            time.sleep(chance.random() / 10)
            for pid in [writer.pid, *(children_of(writer.pid) if with_git else ())]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            reported += [line.strip() for line in writer.stdout if line.endswith("\n")]

        # A git that has outlived its parent may still be at work.
        with commits.writing(path):
            git(path, "fsck", "--strict")
        history = git(path, "rev-list", "hosts/hv1").split()
        assert reported[-1] in history[:2]
        ledger = opened(path)
        assert set(ledger.inventory().objects) == {WEB}
        assert ledger.record(change(f"after {len(history)}"))
    git(path, "fsck", "--strict")


def test_an_interrupt_from_the_keyboard_does_not_stop_a_commit(path: Path) -> None:
    with start(path, 30) as writer:
        assert writer.stdout is not None
        reported = []
        for line in writer.stdout:
            reported.append(line.strip())
            # Python itself would die of one that comes while it ends.
            if len(reported) < 28:
                time.sleep(len(reported) % 5 / 1000)
                os.killpg(writer.pid, signal.SIGINT)
    assert writer.returncode == 0
    assert git(path, "rev-list", "hosts/hv1").split() == reported[::-1]
    assert len(reported) == 30


def test_of_two_racing_processes_one_is_refused_and_no_commit_is_lost(path: Path) -> None:
    opened(path).record(change("d1"))
    with start(path, 30) as one, start(path, 30) as other:
        results = [process.communicate(timeout=60) for process in (one, other)]
    made = [line for out, _ in results for line in out.split()]
    history = git(path, "rev-list", "hosts/hv1").split()
    assert sorted(made) == sorted(history[:-1])
    refused = [error for _, error in results if error]
    assert len(refused) == (0 if len(made) == 60 else 1)
    assert all("R507" in error for error in refused)


def test_hosts_are_written_side_by_side(path: Path) -> None:
    with start(path, 10, "hv1") as one, start(path, 10, "hv2") as other:
        results = [process.communicate(timeout=60) for process in (one, other)]
    assert [len(out.split()) for out, _ in results] == [10, 10]
    git(path, "fsck", "--strict")


def test_many_commits_do_not_become_many_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "MANY_PACKS", 5)
    ledger = opened(path)
    for number in range(12):
        ledger.record(change(str(number)))
    assert len(list((path / "objects/pack").glob("*.pack"))) < 6
    assert len(list(ledger.versions(WEB))) == 12
    git(path, "fsck", "--strict")


def test_what_killed_writers_left_is_removed_after_a_day(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "MANY_PACKS", 1)
    ledger = opened(path)
    ledger.record(change("d1"))
    old, young = path / "objects/pack/tmp_pack_old", path / "objects/pack/tmp_pack_young"
    old.touch(), young.touch()
    os.utime(old, (0, 0))
    os.utime(young, (2**31, 2**31))
    ledger.record(change("d2"))
    assert not old.exists()
    assert young.exists()


def test_a_reader_is_ended_with_its_ledger(path: Path) -> None:
    opened(path).record(change("d1"))
    ledger = opened(path)
    ledger.inventory()
    children = children_of(os.getpid())
    ledger.close()
    assert len(children) - len(children_of(os.getpid())) == 1
    ledger.inventory()
    del ledger
    assert len(children) - len(children_of(os.getpid())) == 1


def test_an_interrupted_answer_is_not_taken_for_the_next(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(path).record(change("d1"))
    ledger = opened(path)
    whole = plumbing._answer
    monkeypatch.setattr(plumbing, "_answer", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ledger.inventory()
    monkeypatch.setattr(plumbing, "_answer", whole)
    assert ledger.definition(WEB) == "<domain>d1</domain>\n"


def interrupted(source: IO[bytes]) -> None:
    source.read(10)
    raise KeyboardInterrupt


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_thousand_objects_are_recorded_and_read_in_a_moment(path: Path) -> None:
    refs = [Ref("Domain", f"web-{number}") for number in range(1000)]
    objects = {ref: Owned(ref=ref, uuid="u", digest=ref.name, owner="o") for ref in refs}
    everything_new = LedgerChange(
        inventory=Inventory(host="hv1", objects=objects),
        definitions={ref: f"<domain>{ref.name}</domain>" * 100 for ref in refs},
        applied={ref: Applied(claims={"name": ref.name}) for ref in refs},
        message="a fleet",
    )
    began = time.monotonic()
    opened(path).record(everything_new)
    ledger = opened(path)
    assert ledger.inventory().objects == objects
    assert all(ledger.applied(ref) == everything_new.applied[ref] for ref in refs)
    assert time.monotonic() - began < 60


def test_a_stale_writer_is_told_where(path: Path) -> None:
    first, second = opened(path), opened(path)
    first.inventory(), second.inventory()
    first.record(change("d1"))
    with pytest.raises(BusyError, match="hv1"):
        second.record(change("d2"))


@pytest.mark.parametrize(
    ("xml", "kept"),
    [
        ("<domain><graphics type='vnc' passwd='x'/></domain>", '<graphics type="vnc"/>'),
        ("<pool><source><auth type='chap' login='l' passwd='x'/></source></pool>", '<auth type="chap" login="l"/>'),
        ("<domain><graphics passwdValidTo='2030-01-01T00:00:00'/></domain>", "passwdValidTo"),
        ("<domain><a passwd='y'><b passwd='x'/></a></domain>", "<b/>"),
    ],
)
def test_passwords_are_dropped_and_nothing_else(xml: str, kept: str) -> None:
    redacted = redact(xml)
    assert kept in redacted
    assert "passwd=" not in redacted


def test_a_definition_without_passwords_stays_as_it_is() -> None:
    xml = "<domain  type='qemu'>\n\t<name>web</name></domain>"
    assert redact(xml) is xml
