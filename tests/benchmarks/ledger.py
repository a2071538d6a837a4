"""Commit a directory of definitions: through the ledger, or through git's own bulk import.

usage: ledger.py record|import REPOSITORY DIRECTORY-OF-XML
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from reconciler.adapters.clock import SystemClock
from reconciler.adapters.ledger import GitLedger
from reconciler.model.inventory import Inventory, Owned
from reconciler.model.refs import Ref
from reconciler.ports import LedgerChange


def definitions(directory: str) -> Iterator[tuple[Ref, str]]:
    return ((Ref("Domain", path.stem), path.read_text()) for path in sorted(Path(directory).glob("*.xml")))


def record(repository: str, directory: str) -> None:
    found = dict(definitions(directory))
    owned = {ref: Owned(ref=ref, uuid="", digest="", owner="benchmark") for ref in found}
    inventory = Inventory(host="hv1", objects=owned)
    ledger = GitLedger(Path(repository), "hv1", folders={"Domain": "domains"}, clock=SystemClock())
    ledger.inventory()
    ledger.record(LedgerChange(inventory=inventory, definitions=found, applied={}, message="all"))


def bulk_import(repository: str, directory: str) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", repository], check=True)
    lines = [b"commit refs/heads/hosts/hv1\ncommitter a <a@b> 0 +0000\ndata 3\nall\n"]
    for ref, text in definitions(directory):
        content = text.encode()
        lines.append(b"M 644 inline domains/%s.xml\ndata %d\n%s\n" % (ref.name.encode(), len(content), content))
    command = ["git", "-C", repository, "fast-import", "--quiet"]
    subprocess.run(command, input=b"".join(lines), check=True)


if __name__ == "__main__":
    (record if sys.argv[1] == "record" else bulk_import)(sys.argv[2], sys.argv[3])
