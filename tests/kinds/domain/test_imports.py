"""What an import writes for machines as people have them. `*-in.xml` is as libvirt stores it, `*-out.yaml` the file."""

from pathlib import Path

import pytest

from reconciler.kinds.domain import KIND
from reconciler.manifest.write import resource, write_document
from tests.kinds.domain.machines import differences, observed, parsed
from tests.kinds.domain.test_collected import lost

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


@pytest.mark.parametrize("case", CASES)
def test_an_imported_machine_is_as_its_document_says_and_loses_nothing_when_it_is_made_anew(case):
    seen = observed((FOLDER / f"{case}-in.xml").read_text())
    spec = parsed(KIND.dump({**KIND.read(seen.xml), **seen.facts}), name=KIND.read(seen.xml)["name"])
    assert differences(spec, seen) == ()
    assert lost(spec, seen) == []


def test_the_number_of_ports_counts_when_the_machine_is_made_and_never_again():
    ports = 'model="pcie-root-port"'
    made = {count: KIND.render(parsed({"pciePorts": count}), None, ()) for count in (0, 3, 14)}
    assert {count: text.count(ports) for count, text in made.items()} == {0: 0, 3: 3, 14: 14}
    assert KIND.render(parsed({}), None, ()).count(ports) == 6
    assert differences(parsed({"pciePorts": 14, "power": "stopped"}), observed(made[3])) == ()
