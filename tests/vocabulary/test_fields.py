import pytest

from reconciler import entries, fields, shapes
from reconciler.codecs import MEMORY, ON_OFF, PRESENT, TEXT, integer
from reconciler.fields import Field, Group, Items

DISK = (
    Field(name="name", at="alias@name", codec=TEXT, doc="What you call it.", example="root"),
    Field(name="cache", at="driver@cache", codec=TEXT, doc="How the host caches it.", example="none"),
    Field(name="readonly", at="readonly", codec=PRESENT, doc="Whether the guest may not write.", example=True),
)
TABLE = (
    Group(
        name="memory",
        doc="Memory of the guest.",
        short=("max", "current"),
        fields=(
            Field(name="max", at="memory", codec=MEMORY, doc="At most.", example="2GiB", keep=True),
            Field(name="current", at="currentMemory", codec=MEMORY, doc="Now.", example="1GiB", keep=True),
        ),
    ),
    Field(name="vcpus", at="vcpu", codec=integer(1, unit="vCPUs"), doc="Processors.", example=2),
    Field(name="pae", at="features/pae@state", codec=ON_OFF, doc="PAE.", example=True),
    Items(name="disks", at="devices/disk", doc="Disks.", fields=DISK[1:], key="name", alias=True),
    Items(
        name="forwarders",
        at="dns/forwarder",
        doc="Where queries go.",
        short="addr",
        fields=(Field(name="addr", at="@addr", codec=TEXT, doc="Server.", example="9.9.9.9"),),
    ),
)
INDEX = entries.index(TABLE)


def test_a_plain_value_stands_for_the_fields_its_group_names():
    claims = fields.lower(TABLE, {"memory": "2GiB"}).claims
    assert claims["memory"] == claims["currentMemory"] == "2097152"
    assert claims["memory@unit"] == "KiB"


def test_list_entries_are_keyed_and_the_list_is_owned():
    lowered = fields.lower(TABLE, {"disks": [{"name": "root", "cache": "none"}]})
    assert lowered.claims == {"devices/disk[root]": "", "devices/disk[root]/driver@cache": "none"}
    assert lowered.lists == {"devices/disk"}
    assert lowered.hints == {"devices/disk[root]/alias@name": "ua-root"}


def test_an_empty_list_is_owned_too():
    assert fields.lower(TABLE, {"disks": []}).lists == {"devices/disk"}


def test_false_for_a_presence_element_claims_its_absence():
    claims = fields.lower(TABLE, {"disks": [{"name": "a", "readonly": False}]}).claims
    assert claims["devices/disk[a]/readonly"] is None


def test_lifting_what_was_lowered_gives_the_canonical_body_back():
    body = {"memory": {"max": "2GiB", "current": "1GiB"}, "vcpus": 2, "pae": True, "forwarders": ["9.9.9.9"]}
    assert fields.lift(TABLE, fields.lower(TABLE, body).claims) == body


def test_an_empty_list_means_none_where_the_list_says_so():
    lists = [Items(name="ports", at="port", doc="Ports.", fields=(), owned=False, none=none) for none in (True, False)]
    assert [fields.lower([ports], {"ports": []}).lists for ports in lists] == [{"port"}, set()]


@pytest.mark.parametrize("text", ["no number", "-1", "0"])
def test_a_text_that_its_field_could_not_write_again_is_not_lifted(text):
    assert fields.lift(TABLE, {"vcpu": text}) == {}


def test_equal_values_are_lifted_as_the_one_that_they_are():
    assert fields.lift(TABLE, {"memory": "1024", "currentMemory": "1024"}) == {"memory": "1MiB"}


def test_paths_and_values_are_shown_as_people_write_them():
    assert entries.path_of(INDEX, "devices/disk[root]/driver@cache") == "disks[root].cache"
    assert entries.path_of(INDEX, "devices/disk[root]") == "disks[root]"
    assert entries.path_of(INDEX, "os/bios@rebootTimeout") == "xml:os/bios@rebootTimeout"
    assert entries.path_of(INDEX, "!autostart") == "autostart"
    assert entries.shown(INDEX, "memory", "2097152") == "2GiB"
    assert entries.shown(INDEX, "features/pae@state", "on") == "true"


def test_the_schema_has_every_field_with_its_unit_and_refuses_others():
    schema = shapes.schema(TABLE)
    assert schema["additionalProperties"] is False
    assert "Unit: vCPUs." in schema["properties"]["vcpus"]["description"]
    assert schema["properties"]["memory"]["anyOf"][0]["type"] == "string"
    assert schema["properties"]["forwarders"]["items"]["anyOf"][1]["properties"]["addr"]["examples"] == ["9.9.9.9"]


def test_a_field_that_names_a_key_itself_is_found_by_it():
    named = Field(name="serial", at="sysinfo[smbios]/entry[serial]", codec=TEXT, doc="Serial.", example="1", whole=True)
    line = Field(name="text", at="", codec=TEXT, doc="A line.", example="a")
    lines = Items(name="lines", at="sysinfo[smbios]/line", doc="Lines.", fields=(line,))
    table = entries.index((named, lines))
    assert entries.path_of(table, "sysinfo[smbios]/entry[serial]") == "serial"
    assert entries.is_whole(table, "sysinfo[smbios]/entry[serial]")
    assert entries.path_of(table, "sysinfo[smbios]/line[3]") == "lines[3].text"
    assert entries.path_of(table, "sysinfo[smbios]/entry[other]") == "xml:sysinfo[smbios]/entry[other]"
