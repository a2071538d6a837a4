"""The program as scripts meet it: a process with arguments, streams and an exit code."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from tests.cli.conftest import ROOT

DRIVER = [sys.executable, "-m", "tests.cli.driver"]


def driven(seconds: float, *arguments: str, **more) -> subprocess.Popen[str]:
    command = [*DRIVER, str(seconds), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


@contextmanager
def terminal(seconds: float, *arguments: str) -> Iterator[pexpect.spawn]:
    environment = {**os.environ, "TERM": "xterm"}
    child = pexpect.spawn(
        DRIVER[0],
        [*DRIVER[1:], str(seconds), *arguments],
        cwd=ROOT,
        encoding="utf-8",
        timeout=20,
        env=environment,
        # What a job in the background inherits is that Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        yield child
    finally:
        child.close(force=True)


def ended(child: pexpect.spawn) -> int:
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus


def test_help_lists_every_verb(process):
    ran = process("--help")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.split("Verbs:\n")[1].splitlines()] == [
        *("init", "validate", "plan", "apply", "status", "import", "render", "history", "rollback"),
        *("suspend", "resume", "schema", "doctor"),
        *("completion", "help"),
    ]


def test_help_imports_nothing_that_is_slow(process):
    code = (
        "import sys; from reconciler.cli.main import run; run(['--help']); print(sorted(sys.modules), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert not {"yaml", "lxml", "libvirt", "git", "jsonschema", "reconciler.app"} & set(eval(ran.stderr))


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["plan", "--nonsense"], ["plan", "no-ref"], ["help", "nonsense"], ["-o", "xml", "plan"]],
)
def test_a_wrong_command_line_ends_with_64_and_a_number(process, arguments):
    ran = process(*arguments)
    assert (ran.code, ran.out) == (64, "")
    assert "[R801]" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(process, shell):
    if shell == "bash" and shutil.which("bash") is None:
        pytest.fail("bash is part of the test machine")
    ran = process("completion", shell)
    assert ran.code == 0
    assert "_RECONCILER_COMPLETE" in ran.out


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("reconciler ro", {"rollback"}),
        ("reconciler plan --det", {"--detailed-exitcode"}),
        ("reconciler plan --st", {"--state-dir"}),
    ],
)
def test_bash_is_told_how_a_word_goes_on(words, answer):
    environment = {
        **os.environ,
        "_RECONCILER_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    ran = subprocess.run(
        [sys.executable, "-m", "reconciler"], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert {line.partition(",")[2] for line in ran.stdout.splitlines()} == answer


@pytest.mark.parametrize("arguments", [["--help"], ["help", "errors"], ["plan", "--help"]])
def test_a_reader_that_goes_early_causes_no_noise(arguments):
    read, write = os.pipe()
    os.close(read)
    ran = subprocess.run(
        [sys.executable, "-m", "reconciler", *arguments],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(write)
    assert ran.stderr == ""


def test_an_apply_goes_on_when_nobody_reads_its_output():
    read, write = os.pipe()
    os.close(read)
    command = [*DRIVER, "0", "apply", "--yes"]
    ran = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(write)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_full_disk_is_an_error():
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "reconciler", "help", "errors"]
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert ran.returncode == 1
    assert "[R805]" in ran.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_trouble(closed):
    command = f"exec {sys.executable} -m reconciler help errors {closed}"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert bool(ran.stdout) == (" >&-" not in f" {closed}".replace("2>&-", ""))


def test_names_that_the_terminal_cannot_show_do_not_stop_the_program(process):
    ran = process("help", "ünbekannt", env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert ran.code == 64
    assert "\\xfc" in ran.err


def test_a_person_who_types_yes_is_obeyed():
    with terminal(0, "apply") as child:
        child.expect("Apply these changes")
        child.sendline("yes")
        child.expect("Applied: 2 changed")
        assert ended(child) == 0


@pytest.mark.parametrize("typed", ["y", "YES", "", "no"])
def test_anything_but_yes_changes_nothing(typed):
    with terminal(0, "apply") as child:
        child.expect("Apply these changes")
        child.sendline(typed)
        child.expect("R508")
        assert ended(child) == 73


def test_ctrl_c_at_the_question_changes_nothing():
    with terminal(0, "apply") as child:
        child.expect("accepted: ")
        child.sendintr()
        child.expect("R508")
        assert ended(child) == 73


@pytest.mark.parametrize(
    ("extra", "no_color", "coloured"),
    [
        ((), "", True),
        ((), "1", False),
        (("--color", "never"), "", False),
        (("--color", "always"), "1", True),
    ],
)
def test_a_terminal_gets_colour_unless_somebody_says_no(monkeypatch, extra, no_color, coloured):
    monkeypatch.setenv("NO_COLOR", no_color)
    with terminal(0, "apply", "--yes", *extra) as child:
        child.expect(pexpect.EOF)
        assert ("\x1b[" in child.before) == coloured


def test_a_pipe_gets_no_colour_unless_somebody_asks_for_it():
    for extra, coloured in (((), False), (("--color", "always"), True)):
        out, _ = driven(0, "apply", "--yes", *extra).communicate(timeout=30)
        assert ("\x1b[" in out) == coloured


def test_the_first_ctrl_c_finishes_the_step_and_the_rest_is_skipped():
    child = driven(1.0, "apply", "--yes")
    assert child.stderr.readline() == "step\n"
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert "Domain/web-1 on hv1: changed" in out
    assert "stopped before it [R509]" in out
    assert "Press Ctrl-C again" in err
    assert child.returncode == 75


def test_the_second_ctrl_c_stops_at_once():
    child = driven(30.0, "apply", "--yes")
    assert child.stderr.readline() == "step\n"
    child.send_signal(signal.SIGINT)
    assert "Finishing" in child.stderr.readline()
    begun = time.monotonic()
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=30)
    assert time.monotonic() - begun < 20
    assert "R509" in err
    assert child.returncode == 75


def test_no_approval_without_a_terminal():
    child = driven(0, "apply", stdin=subprocess.DEVNULL)
    out, err = child.communicate(timeout=30)
    assert child.returncode == 73
    assert "[R501]" in err
    assert "Plan: 0 to add, 2 to change" in out


def test_help_needs_none_of_the_slow_libraries():
    slow = {"libvirt", "lxml", "yaml", "jsonschema", "jsonschema_rs", "git", "sqlite3", "reconciler.kinds"}
    code = (
        "import sys; from reconciler.cli.main import run; run(['--help'])\n"
        f"print(sorted({slow!r} & set(sys.modules)), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stderr.strip() == "[]"
