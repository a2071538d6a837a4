"""What the tests of devices share: documents to XML, XML to texts, and a libvirt to ask."""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from reconciler import definitions, entries, fields, markup
from reconciler.kinds.domain import devices
from reconciler.model.documents import Claims, Spec
from reconciler.model.refs import Ref
from tests.kinds.private import embedding

HERE = Path(__file__).parent
TABLE = entries.index(devices.DEVICES)


@dataclass(frozen=True)
class Case:
    """One example: a body, the elements around <devices> it needs, and what is special about it."""

    about: str
    body: dict[str, object]
    head: str = ""
    machine: str = "q35"
    # What import writes where that is not what the document wrote.
    lifted: dict[str, object] | None = None
    # Why libvirt 9.0's own schema does not know it, or why this QEMU does not take it.
    unschemed: str = ""
    refused: str = ""
    expect: list[str] = field(default_factory=list)

    @property
    def skeleton(self) -> str:
        return (
            "<domain type='qemu'><name>web-1</name><memory unit='MiB'>64</memory>"
            f"{self.head}<os><type arch='x86_64' machine='{self.machine}'>hvm</type></os><devices/></domain>"
        )

    @property
    def lowered(self) -> fields.Lowered:
        return fields.lower(devices.DEVICES, self.body)

    @property
    def spec(self) -> Spec:
        lowered = self.lowered
        return Spec(
            ref=Ref("Domain", "web-1"),
            host="local",
            claims=lowered.claims,
            lists=frozenset(lowered.lists),
            hints=lowered.hints,
        )

    @property
    def xml(self) -> str:
        spec = self.spec
        known = {"name": "web-1", "@type": "qemu", "os/type@machine": self.machine, **spec.claims}
        return definitions.build(self.skeleton, spec, devices.IDENTITIES, devices.born(known))


def load() -> list[Case]:
    return [Case(**entry) for file in sorted(HERE.glob("cases/*.yaml")) for entry in yaml.safe_load(file.read_text())]


CASES = load()


def flat(xml: str) -> dict[str, str]:
    return devices.normalise(markup.flatten(markup.parse(xml), devices.IDENTITIES, unit=1024, default_unit=1024))


def broken(claims: Claims, texts: dict[str, str]) -> list[str]:
    """The claims that do not hold, as a plan would see them."""
    return [
        f"{address}: {want!r} became {texts.get(address)!r}"
        for address, want in claims.items()
        if not _holds(address, want, texts.get(address))
    ]


def _holds(address: str, want: str | None, have: str | None) -> bool:
    if want == have or address.endswith("@unit"):
        return True
    if want is None or have is None:
        implied = entries.implied(TABLE, address)
        return implied is not None and implied in (want, have)
    return False


Oracle = Callable[[str], dict[str, str]]


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """Gives libvirt a definition and answers what it stored: {"xml": …} or {"error": …}."""
    root = tmp_path_factory.mktemp("embed")
    with subprocess.Popen(
        embedding(HERE / "embed.py", root), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None and child.stdout is not None
        assert json.loads(child.stdout.readline()) == {"ready": True}

        def ask(xml: str) -> dict[str, str]:
            assert child.stdin is not None and child.stdout is not None
            child.stdin.write(json.dumps(xml) + "\n")
            child.stdin.flush()
            answer: dict[str, str] = json.loads(child.stdout.readline())
            return answer

        yield ask
        child.stdin.close()
        child.wait(timeout=20)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", CASES, ids=[case.about for case in CASES])


@pytest.fixture
def cases() -> list[Case]:
    return CASES


@pytest.fixture
def judge() -> Callable[[Claims, str], list[str]]:
    """The claims that do not hold in a definition."""
    return lambda claims, xml: broken(claims, flat(xml))


@pytest.fixture
def flatten() -> Callable[[str], dict[str, str]]:
    return flat
