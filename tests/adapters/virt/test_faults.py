import libvirt
import pytest

from reconciler.adapters.virt import faults
from reconciler.adapters.virt.faults import TABLE, number_of, translating
from reconciler.errors import BusyError, DeniedError, HostError, ReconcilerError, UnreachableError
from reconciler.model.refs import Ref

# virErrorLevel shares the prefix of virErrorNumber.
LEVELS = {"VIR_ERR_NONE", "VIR_ERR_WARNING", "VIR_ERR_ERROR"}
NAMES = sorted(name for name in dir(libvirt) if name.startswith("VIR_ERR_") and name not in LEVELS)


class Fault(libvirt.libvirtError):
    """libvirt's error with a code, a domain and a text of our choice."""

    def __init__(self, code, domain, text):
        super().__init__(text)
        self.err = (code, domain, text, 2, None, None, None, -1, -1)


@pytest.mark.parametrize("name", NAMES)
def test_every_error_code_of_libvirt_has_a_row_of_its_own(name):
    assert any(row.name == name.removeprefix("VIR_ERR_") and row.domain is None and not row.text for row in TABLE)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.name}-{row.domain}-{row.number}")
def test_every_row_names_a_code_that_libvirt_has_or_had(row):
    assert row.number in {"R601", "R602", "R603", "R604", "R605", "R608"}
    assert hasattr(libvirt, f"VIR_ERR_{row.name}") or row.name.startswith("AGENT_COMMAND")


@pytest.mark.parametrize(
    ("code", "domain", "text", "number"),
    [
        (38, 7, "Failed to connect socket to '/run/libvirt/libvirt-sock': No such file or directory", "R601"),
        (38, 7, "unable to connect to server at 'kvm7:16509': No route to host", "R601"),
        (38, 7, "Failed to connect socket to '/run/libvirt/libvirt-sock': Permission denied", "R603"),
        (38, 7, "Cannot recv data: Host key verification failed.: Connection reset by peer", "R603"),
        (38, 7, "Cannot recv data: Connection reset by peer", "R602"),
        (1, 7, "client socket is closed", "R602"),
        (1, 7, "internal error: received hangup event on socket", "R602"),
        (38, 18, "Cannot access storage file '/x.img': No such file or directory", "R604"),
        (29, 10, "operation forbidden: read only access prevents this", "R603"),
        (45, 7, "authentication failed", "R603"),
        (68, 10, "Timed out during operation: cannot acquire state change lock (held by monitor)", "R605"),
        (55, 10, "Requested operation is not valid: another migration job is already running for domain 'v'", "R605"),
        (55, 10, "Requested operation is not valid: domain is already running", "R604"),
        (42, 10, "Domain not found", "R608"),
        (43, 19, "Network not found", "R608"),
        (49, 18, "Storage pool not found", "R608"),
        (50, 18, "Storage volume not found", "R608"),
        (66, 30, "no secret", "R608"),
        (1, 10, "internal error: process exited while connecting to monitor", "R604"),
        (4242, 0, "a code of the future", "R604"),
    ],
)
def test_an_error_gets_the_number_that_says_what_to_do(code, domain, text, number):
    assert number_of(code, domain, text) == number


@pytest.mark.parametrize(
    ("code", "domain", "expected"),
    [(38, 7, UnreachableError), (29, 0, DeniedError), (68, 0, BusyError), (9, 0, HostError)],
)
def test_a_translated_error_is_of_its_family_and_keeps_libvirts_words_and_the_cause(code, domain, expected):
    cause = Fault(code, domain, "libvirt's words")
    with (
        pytest.raises(expected, match=r"Domain/web on hv1: .*libvirt's words") as caught,
        translating("hv1", Ref("Domain", "web")),
    ):
        raise cause
    assert caught.value.__cause__ is cause


def test_an_error_without_details_keeps_its_text():
    with pytest.raises(HostError, match="virDomainCreate\\(\\) failed"), translating("hv1"):
        raise libvirt.libvirtError("virDomainCreate() failed")


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), ReconcilerError([])])
def test_no_other_exception_is_touched(error):
    with pytest.raises(type(error)) as caught, translating("hv1"):
        raise error
    assert caught.value is error


def test_libvirt_prints_nothing_to_standard_error(capfd):
    faults.silence()
    connection = libvirt.open("test:///default")
    with pytest.raises(HostError), translating("nowhere"):
        connection.lookupByName("nobody")
    connection.close()
    assert capfd.readouterr().err == ""
