import pytest

from reconciler import markup
from reconciler.errors import ReconcilerError
from reconciler.model.addresses import pattern_of

IDENTITIES = {"devices/disk": ("alias", "target@dev"), "clock/timer": ("@name",), "devices/watchdog": ()}

DOMAIN = """
<domain type='kvm'>
  <memory unit='MiB'>512</memory>
  <!-- a remark -->
  <clock offset='utc'><timer name='rtc' tickpolicy='catchup'/><timer name='pit'/></clock>
  <devices>
    <disk type='file'><target dev='vda'/><alias name='ua-root'/></disk>
    <disk type='block'><source dev='/dev/sdb'/><target dev='vdb'/><alias name='virtio-disk1'/></disk>
    <watchdog model='i6300esb'/>
  </devices>
</domain>
"""


def flat(text):
    return markup.flatten(markup.parse(text), IDENTITIES, unit=1024, default_unit=1024)


def test_each_leaf_has_an_address_and_repeated_elements_have_keys():
    texts = flat(DOMAIN)
    assert texts["@type"] == "kvm"
    assert texts["devices/disk[root]@type"] == "file"
    assert texts["devices/disk[vdb]/source@dev"] == "/dev/sdb"
    assert texts["clock/timer[rtc]@tickpolicy"] == "catchup"
    assert texts["devices/watchdog[0]@model"] == "i6300esb"


def test_amounts_are_read_in_the_unit_libvirt_prints():
    assert flat(DOMAIN)["memory"] == "524288"
    assert flat("<domain><memory unit='b'>1025</memory></domain>")["memory"] == "2"
    assert flat("<domain><memory unit='G'>1</memory></domain>")["memory@unit"] == "KiB"


def test_two_elements_with_one_key_are_told_apart():
    texts = flat("<d><devices><disk><target dev='vda'/></disk><disk><target dev='vda'/></disk></devices></d>")
    assert "devices/disk[vda]" in texts and "devices/disk[vda#1]" in texts


def test_a_value_is_written_in_its_place_and_all_else_stays():
    root = markup.parse(DOMAIN)
    markup.graft(root, [("devices/disk[root]/driver@cache", "none"), ("clock/timer[pit]@present", "no")], IDENTITIES)
    after = markup.flatten(root, IDENTITIES, unit=1024, default_unit=1024)
    assert after.pop("devices/disk[root]/driver@cache") == "none"
    assert after.pop("devices/disk[root]/driver") == ""
    assert after.pop("clock/timer[pit]@present") == "no"
    assert after == flat(DOMAIN)


def test_a_new_element_comes_after_its_siblings():
    root = markup.parse(DOMAIN)
    markup.graft(root, [("devices/disk[new]/target@dev", "vdc")], IDENTITIES)
    assert [child.tag for child in root.find("devices")] == ["disk", "disk", "disk", "watchdog"]


def test_removing_the_last_leaf_removes_the_empty_elements_around_it():
    root = markup.parse("<domain><memtune><hard_limit unit='KiB'>4</hard_limit></memtune><devices/></domain>")
    markup.graft(root, [("memtune/hard_limit", None)], IDENTITIES)
    assert [child.tag for child in root] == ["devices"]


def test_a_renamed_element_is_written_where_the_host_has_it():
    root = markup.parse(DOMAIN)
    renamed = {"devices/disk[data]": "devices/disk[vdb]"}
    markup.graft(root, [("devices/disk[data]/driver@io", "native")], IDENTITIES, renamed)
    assert root.findall("devices/disk")[1].find("driver").get("io") == "native"
    assert len(root.findall("devices/disk")) == 2


def test_foreign_namespaces_are_one_opaque_value_whatever_their_prefix():
    one = (
        "<d xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:commandline><q:arg value='-s'/></q:commandline></d>"
    )
    two = "<d><commandline xmlns='http://libvirt.org/schemas/domain/qemu/1.0'> <arg value='-s'/> </commandline></d>"
    assert set(flat(one)) == set(flat(two)) == {"qemu:commandline"}
    assert markup.same("qemu:commandline", flat(one)["qemu:commandline"], flat(two)["qemu:commandline"])


def test_an_opaque_value_can_be_written_and_read_back():
    texts = flat("<d><metadata><x:app xmlns:x='urn:x'><x:k>v</x:k></x:app></metadata></d>")
    root = markup.parse("<d/>")
    markup.graft(root, [(address, text) for address, text in texts.items()], IDENTITIES)
    assert markup.flatten(root, IDENTITIES, unit=1, default_unit=1) == texts


def test_attribute_order_quotes_and_layout_do_not_count():
    one, two = markup.parse("<a x='1' y='2'><b/></a>"), markup.parse('<a y="2"\n x="1">\n <b></b> </a>')
    assert markup.canonical(one) == markup.canonical(two)


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        "<a>" * 300 + "</a>" * 300,
        "<a><b></a>",
        "",
        "not xml",
    ],
)
def test_unsafe_or_broken_xml_is_refused_with_a_number(text):
    with pytest.raises(ReconcilerError, match="R110"):
        markup.parse(text, "vm.xml")


def test_keys_cannot_break_out_of_their_brackets():
    texts = flat("<d><devices><disk><target dev='a]/b@c'/></disk></devices></d>")
    address = next(known for known in texts if known.endswith("/target@dev"))
    assert pattern_of(address) == "devices/disk[]/target@dev"
    root = markup.parse("<d/>")
    markup.graft(root, [(known, text) for known, text in texts.items()], IDENTITIES)
    assert markup.flatten(root, IDENTITIES, unit=1, default_unit=1) == texts
