"""libvirt definitions that others wrote: what libvirt's own source package holds, fetched from the Debian archive.

They are read when a test asks for them, kept below /var/tmp (`make clean` removes them), and never part of this
repository. The source package of libvirt 9.0 brings some 2,100 domains of every hypervisor, 150 filters, 130 networks,
80 pools, 55 volumes and 7 secrets; those of other tools together bring some 20 domains more and are left out.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

from lxml import etree

CACHE = Path("/var/tmp/reconciler-collected")
PACKAGE = "libvirt"
# Root element of a definition -> what else it stands in: files of other formats hold whole definitions.
WRAPPERS = {
    "domain": ("domainsnapshot", "domaincheckpoint", "domstatus", "qemu-migration", "node"),
    "inactiveDomain": ("domainsnapshot", "domaincheckpoint"),
    "network": ("node",),
    "pool": ("node",),
    "volume": ("pool",),
    "filter": (),
    "secret": (),
}
_APT = ("-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=30", "-o", "APT::Sandbox::User=root")


class UnreachableError(Exception):
    """Why the archive could not be read."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One definition: where it stands in the source package, its root element, and its text as it is there."""

    path: str
    root: str
    text: str


def definitions(cache: Path = CACHE) -> tuple[Definition, ...]:
    """All definitions, by path, each text once. Raises UnreachableError where they are neither kept nor to be had."""
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / f"{_recipe()}.json"
    if not kept.exists():
        with (cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.exists():
                _keep(tuple(_unique(_read(_archive(cache)))), kept)
    return tuple(Definition(*row) for row in json.loads(kept.read_text()))


def _recipe() -> str:
    """A name for this way of reading; what another way has made of the package is not taken for it."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]


def _keep(found: tuple[Definition, ...], kept: Path) -> None:
    for stale in kept.parent.glob("*.json"):
        stale.unlink()
    partial = kept.with_suffix(".partial")
    partial.write_text(json.dumps([astuple(each) for each in found]))
    partial.rename(kept)


def _archive(cache: Path) -> Path:
    """The source archive; fetched if it is not there."""
    if not list(cache.glob(f"{PACKAGE}_*.orig.tar.*")):
        with tempfile.TemporaryDirectory(dir=cache) as work:
            _fetch(Path(work))
            for path in Path(work).glob(f"{PACKAGE}_*.orig.tar.*"):
                path.rename(cache / path.name)
    return next(path for path in sorted(cache.glob(f"{PACKAGE}_*.orig.tar.*")) if path.suffix != ".asc")


def _fetch(work: Path) -> None:
    """Download the source package into a directory. The machine's own lists of packages stay as they are."""
    sources = work / "sources"
    (work / "lists/partial").mkdir(parents=True)
    (work / "cache/archives/partial").mkdir(parents=True)
    sources.mkdir()
    for path in (Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")):
        if path.is_file() and path.suffix in (".list", ".sources"):
            (sources / path.name).write_text(_as_source(path.read_text()))
    places = {"Etc::sourcelist": "/dev/null", "Etc::sourceparts": sources, "State::lists": work / "lists"}
    places["Cache"] = work / "cache"
    options = [word for name, place in places.items() for word in ("-o", f"Dir::{name}={place}")]
    # An archive of somebody else on this machine may have no sources, which is no matter here.
    said = _apt(work, *options, "update").stderr
    done = _apt(work, *options, "source", "--download-only", PACKAGE)
    if done.returncode:
        raise UnreachableError(f"apt-get source {PACKAGE} failed:\n{said}{done.stderr}".strip())


def _apt(work: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["apt-get", "-q", *_APT, *arguments], cwd=work, check=False, capture_output=True, text=True, timeout=300
    )


def _as_source(text: str) -> str:
    """Lines or stanzas for packages as those for their sources."""
    text = re.sub(r"(?m)^Types:.*$", "Types: deb-src", text)
    return re.sub(r"(?m)^(deb|deb-src)(?=\s)(?!.*cdrom:)", "deb-src", text)


def _read(archive: Path) -> Iterator[Definition]:
    with tarfile.open(archive) as tree:
        for member in tree:
            if member.isfile() and member.name.endswith(".xml"):
                content = tree.extractfile(member)
                assert content is not None
                yield from _found(member.name.partition("/")[2], content.read())


def _found(path: str, content: bytes) -> Iterator[Definition]:
    """The definition that a file is, or those that it holds."""
    try:
        root = etree.fromstring(content)
    except etree.XMLSyntaxError:
        return
    if root.tag in WRAPPERS:
        yield Definition(path, str(root.tag), content.decode())
        return
    for number, element in enumerate(root.iter(*WRAPPERS)):
        parent = element.getparent()
        if parent is not None and parent.tag in WRAPPERS[str(element.tag)] and len(element):
            tag = "domain" if element.tag == "inactiveDomain" else str(element.tag)
            element.tag, element.tail = tag, None
            yield Definition(f"{path}#{number}", tag, etree.tostring(element, encoding="unicode"))


def _unique(found: Iterator[Definition]) -> Iterator[Definition]:
    seen: set[str] = set()
    for each in sorted(found, key=lambda each: each.path):
        if each.text not in seen:
            seen.add(each.text)
            yield each
