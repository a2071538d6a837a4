"""What an import writes for machines as people have them. `*-in.xml` is as libvirt stores it, `*-out.yaml` the file."""

from pathlib import Path

import pytest

from reconciler.kinds.domain import KIND
from reconciler.manifest.write import resource, write_document

FOLDER = Path(__file__).parent / "imports"
CASES = sorted(path.name.removesuffix("-in.xml") for path in FOLDER.glob("*-in.xml"))


@pytest.mark.parametrize("case", CASES)
def test_an_import_is_as_a_person_would_write_it(case):
    texts = KIND.read((FOLDER / f"{case}-in.xml").read_text())
    body = KIND.dump({**texts, "!power": "running", "!autostart": "yes"})
    assert (
        write_document(resource("Domain", {"name": texts["name"]}, body)) == (FOLDER / f"{case}-out.yaml").read_text()
    )


def test_a_disk_that_comes_later_renames_no_other():
    text = (FOLDER / "linux-in.xml").read_text()
    disk = "<disk type='file' device='disk'><source file='/srv/more'/><target dev='vdc' bus='virtio'/></disk>"
    before = [each["name"] for each in KIND.dump(KIND.read(text))["disks"]]
    more = text.replace("</devices>", f"{disk}</devices>")
    assert [each["name"] for each in KIND.dump(KIND.read(more))["disks"]] == [*before, "data2"]
