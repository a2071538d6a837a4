"""Many machines: as documents, as libvirt XML, and as a file that libvirt's test driver opens."""

from __future__ import annotations

import uuid
from pathlib import Path

OWNER = "benchmark"
NAMESPACE = uuid.UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")

DOCUMENT = """\
apiVersion: reconciler/v1
kind: Domain
metadata: {{name: {name}, labels: {{tier: web}}}}
spec:
  type: {type}
  power: {power}
  memory: {memory}
  vcpus: 2
  title: Machine {name}
"""

DOMAIN = """\
<domain type='{type}'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <title>Machine {name}</title>
  <metadata><reconciler:owner xmlns:reconciler='{namespace}' id='{owner}'/></metadata>
  <memory unit='KiB'>{kib}</memory>
  <currentMemory unit='KiB'>{kib}</currentMemory>
  <vcpu>2</vcpu>
  <os><type>hvm</type></os>
</domain>
"""


def names(count: int) -> list[str]:
    return [f"vm-{number:05}" for number in range(count)]


def write_documents(directory: Path, count: int, *, type: str, power: str) -> None:
    """One file for each machine, and the settings that give all of it an owner."""
    directory.mkdir(parents=True)
    (directory / "reconciler.yaml").write_text(f"owner: {OWNER}\n")
    for name in names(count):
        text = DOCUMENT.format(name=name, type=type, power=power, memory="64MiB")
        (directory / f"{name}.yaml").write_text(text)


def change_one(directory: Path) -> None:
    """Let the first machine want more memory."""
    path = directory / f"{names(1)[0]}.yaml"
    path.write_text(path.read_text().replace("64MiB", "96MiB"))


def run_one(directory: Path) -> None:
    """Let the first machine run."""
    path = directory / f"{names(1)[0]}.yaml"
    path.write_text(path.read_text().replace("power: stopped", "power: running"))


def weigh_one(directory: Path, shares: int) -> None:
    """Give the first machine another weight, which a running guest takes live."""
    path = directory / f"{names(1)[0]}.yaml"
    text = path.read_text().partition("  cputune:")[0]
    path.write_text(f"{text}  cputune: {{shares: {shares}}}\n")


def domain_xml(name: str, type: str, namespace: str) -> str:
    number = uuid.uuid5(NAMESPACE, name)
    return DOMAIN.format(type=type, name=name, uuid=number, namespace=namespace, owner=OWNER, kib=64 * 1024)


def write_definitions(directory: Path, count: int, *, type: str, namespace: str) -> None:
    """One libvirt XML file for each machine."""
    directory.mkdir(parents=True)
    for name in names(count):
        (directory / f"{name}.xml").write_text(domain_xml(name, type, namespace))


def write_test_host(path: Path, count: int, *, namespace: str) -> str:
    """A host of libvirt's test driver that has these machines already, all of them running; its URI."""
    domains = "".join(domain_xml(name, "test", namespace) for name in names(count))
    path.write_text(f"<node>{domains}<cpu><mhz>2000</mhz><active>64</active></cpu><memory>1073741824</memory></node>")
    return f"test://{path}"
