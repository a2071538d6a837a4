import socket
import subprocess

import libvirt
import pytest

from reconciler.adapters.virt.connection import connect, host_name, is_remote, without_questions
from reconciler.errors import ReconcilerError, UnreachableError


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        (None, "hv1"),
        ("qemu:///system", "hv1"),
        ("qemu+unix:///system", "hv1"),
        ("qemu:///session", "hv1-session"),
        ("embedded", "embedded"),
        ("embedded:two", "two"),
        ("test:///default", "test-default"),
        ("qemu+ssh://user@kvm7/system", "kvm7"),
        ("qemu+tls://kvm7.example.com/system?no_verify=1", "kvm7.example.com"),
    ],
)
def test_a_plain_uri_gives_the_name_people_use(uri, name):
    assert host_name(uri, "hv1") == name


def test_uris_that_say_more_than_a_host_get_names_of_their_own():
    uris = [
        "qemu+ssh://kvm7:2222/system",
        "qemu+ssh://kvm7/session",
        "qemu+tcp://[fe80::1]/system",
        "xen+ssh://kvm7/system",
        "test:///tmp/a/hosts.xml",
        "test:///tmp/b/hosts.xml",
        "qemu:///embed?root=/x",
        "qemu+unix:///system?socket=/x",
        "lxc:///",
    ]
    names = [host_name(uri, "hv1") for uri in uris]
    assert len(set(names)) == len(uris)
    for name in names:
        assert name.rpartition("-")[2].isalnum() and len(name.rpartition("-")[2]) == 8


@pytest.mark.parametrize(
    "uri", ["qemu+ssh://a..b/system", "qemu+tcp://[::1]/system", "test:///x.lock", "esx://h_1/", "test:///..", "x:"]
)
def test_git_takes_every_name_as_a_branch(uri):
    subprocess.run(["git", "check-ref-format", f"refs/heads/hosts/{host_name(uri, 'My_Host.lock')}"], check=True)
    subprocess.run(["git", "check-ref-format", f"refs/heads/hosts/{host_name(None, 'My_Host.lock')}"], check=True)


def test_host_names_that_git_would_mix_up_stay_two():
    assert host_name(None, "a_b") != host_name(None, "a-b")


@pytest.mark.parametrize(
    ("uri", "remote"),
    [
        (None, False),
        ("qemu:///system", False),
        ("qemu+unix:///system?socket=/x", False),
        ("qemu+ssh://kvm7/system", True),
    ],
)
def test_a_uri_with_a_host_leads_to_another_machine(uri, remote):
    assert is_remote(uri) is remote


def test_ssh_never_asks():
    assert without_questions("qemu+ssh://kvm7/system") == "qemu+ssh://kvm7/system?no_tty=1"
    assert without_questions("qemu+ssh://kvm7/system?keyfile=/k") == "qemu+ssh://kvm7/system?keyfile=/k&no_tty=1"
    assert without_questions("qemu+ssh://kvm7/system?no_tty=0") == "qemu+ssh://kvm7/system?no_tty=0"
    assert without_questions("qemu:///system") == "qemu:///system"
    assert without_questions(None) is None


def test_a_connection_is_open_inside_and_closed_afterwards(tmp_path):
    with connect("test:///default", tmp_path) as connection:
        assert connection.getType() == "TEST"
    with pytest.raises(libvirt.libvirtError):
        connection.getType()


def test_what_is_raised_inside_passes_and_the_connection_is_closed(tmp_path):
    with pytest.raises(ZeroDivisionError), connect("test:///default", tmp_path) as connection:
        raise ZeroDivisionError
    with pytest.raises(libvirt.libvirtError):
        connection.getType()


@pytest.mark.parametrize(
    "uri",
    [
        "qemu+unix:///system?socket=/nowhere/libvirt-sock",
        "qemu+tcp://127.0.0.1:1/system",
        "qemu+tcp://no-such-host.invalid/system",
    ],
)
def test_a_host_that_is_not_there_is_unreachable(uri, tmp_path):
    with pytest.raises(UnreachableError), connect(uri, tmp_path):
        pytest.fail("there is nobody")


def test_a_daemon_that_never_answers_is_given_up_in_time(tmp_path):
    path = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        opening = connect(f"qemu+unix:///system?socket={path}", tmp_path, open_seconds=0.2)
        with pytest.raises(UnreachableError, match=r"no answer within"), opening:
            pytest.fail("it does not answer")


def test_a_name_that_is_no_host_name_is_refused(tmp_path):
    with pytest.raises(ReconcilerError, match="small letters"), connect("embedded:../up", tmp_path):
        pytest.fail("there is no such host")
