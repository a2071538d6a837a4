"""The catalogue of all that can go wrong: a number, a family that says what to do next, and a cure.

`docs/reference/errors.md` is written from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Family(Enum):
    """What the reader can do next, with the exit code of the program (`reconciler help exit-codes`)."""

    FAILED = 1
    USAGE = 64
    MANIFEST = 65
    UNREACHABLE = 69
    REFUSED = 73
    BUSY = 75
    DENIED = 77


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the catalogue: what the number means and what cures it."""

    number: str
    family: Family
    title: str
    cure: str


def _catalogue(*rows: Entry) -> dict[str, Entry]:
    return {row.number: row for row in rows}


_F, _M, _R = Family.FAILED, Family.MANIFEST, Family.REFUSED

CATALOGUE: dict[str, Entry] = _catalogue(
    # R1xx: reading manifests
    Entry("R101", _M, "The file is not valid YAML", "Mend the syntax at the place shown."),
    Entry("R102", _M, "The file is not UTF-8", "Save it as UTF-8."),
    Entry("R103", _M, "The file is too large", "Split it: one file may hold 1 MiB of YAML or 4 MiB of libvirt XML."),
    Entry("R104", _M, "A key is written twice", "Keep one of the two."),
    Entry(
        "R105",
        _M,
        "Anchors, aliases, merge keys and tags are not accepted",
        "Write the value out, or share it through a Profile.",
    ),
    Entry(
        "R106",
        _M,
        "The document is nested too deeply",
        "No resource needs more than 64 levels: look for a stray bracket.",
    ),
    Entry("R107", _M, "A key is not a plain string", "Quote the key."),
    Entry(
        "R108",
        _M,
        "A value would be read differently by other YAML tools",
        "Quote the value, or write it in the plain form shown.",
    ),
    Entry("R109", _M, "The file is a link that leaves the repository", "Commit the file itself."),
    Entry("R110", _M, "The XML is not well-formed or not safe", "Mend the XML; DOCTYPE and entities are not accepted."),
    Entry(
        "R111",
        _M,
        "The XML is no resource known here",
        "Commit a libvirt <domain>, <network>, <pool>, <volume>, <filter> or <secret> document.",
    ),
    Entry("R113", _M, "The xml: field contradicts itself", "Keep one of what it says."),
    Entry(
        "R114",
        _M,
        "An element of xml: fits more than one device",
        "Give the element the device's name: <alias name='ua-NAME'/>.",
    ),
    Entry("R112", _M, "The file cannot be read", "Check that the file exists and its permissions."),
    Entry(
        "R116",
        _M,
        "A placeholder cannot be filled in",
        "Correct the name inside ${…}, or write $${…} for the text itself (docs/explanation/composition.md).",
    ),
    Entry(
        "R117",
        _M,
        "The base is no directory of this repository",
        "Name a directory of the same git repository that does not hold the one which is based on it.",
    ),
    Entry("R118", _M, "The values file is wrong", "A values file is one YAML mapping of plain values."),
    Entry("R119", _M, "The generator is wrong", "`generate` has exactly one of count, forEach and hosts."),
    Entry(
        "R120",
        _M,
        "The encrypted file cannot be opened",
        "Name the file with your age key in SOPS_AGE_KEY_FILE or secrets.ageKeyFile, and encrypt for that key; "
        "if the file was changed by hand, edit it with sops instead.",
    ),
    Entry(
        "R121",
        _M,
        "The encrypted file is not understood",
        "Encrypt it with sops for one or more age recipients, as YAML or JSON, in one key group.",
    ),
    Entry(
        "R122",
        _M,
        "An encrypted value stands where it cannot be kept secret",
        "Encrypt only the fields that are secrets, with `sops encrypt --encrypted-regex '^(value|password)$'`; for a "
        "secret in cloudInit or ignition write where it is kept, `{sops: FILE, key: KEY}` (docs/how-to/secrets.md).",
    ),
    # R2xx: the content of one document
    Entry(
        "R201",
        _M,
        "The document is not a resource",
        "A document needs apiVersion: reconciler/v1, kind, metadata and spec.",
    ),
    Entry("R202", _M, "Unknown kind", "Use one of the kinds that `reconciler schema` lists."),
    Entry("R203", _M, "Unknown field", "Correct the spelling, remove the field, or use xml: for what has no field."),
    Entry("R204", _M, "Wrong type or value", "Write what the field's page in the reference asks for."),
    Entry("R205", _M, "A required field is missing", "Add the field."),
    Entry(
        "R206",
        _M,
        "The name is not usable",
        "A name has no slash and nothing invisible in it, and does not start with a dot, a dash or a space. "
        "That of a Profile or Host has letters, digits and . _ + - only.",
    ),
    Entry("R207", _M, "Fields exclude each other", "Keep one of them."),
    Entry(
        "R208", _M, "libvirt's schema does not know this XML", "Correct the element: libvirt would drop it silently."
    ),
    Entry(
        "R209",
        _M,
        "The policy does not permit this",
        "Ask for something that it permits, or have it added to the policy (docs/how-to/policy.md).",
    ),
    Entry(
        "R216",
        _M,
        "A definition cannot be written as a document that means the same",
        "Save its XML (virsh dumpxml --inactive) as a file of its own in the desired state, and report it.",
    ),
    Entry(
        "R223",
        _M,
        "The guest would not understand its seed",
        "Correct what the message shows; cloudInit and ignition say in the reference what they take.",
    ),
    Entry("R215", _M, "The xml: field asks for what cannot be", "Take the part that the message names out of it."),
    # R3xx: documents together
    Entry("R301", _M, "Two documents have one name", "Rename or remove one of them."),
    Entry(
        "R302",
        _M,
        "A reference points to nothing",
        "Declare the resource, or set external: true beside the reference if the host has it already.",
    ),
    Entry("R303", _M, "References form a cycle", "Break the cycle."),
    Entry("R304", _M, "The document names no host", "Set metadata.host, or mark one Host with default: true."),
    Entry("R305", _M, "No such resource was selected", "Check the name; `reconciler status` lists what is declared."),
    Entry("R306", _M, "Two Host documents are one host", "Keep one of them; each host has one name, lock and history."),
    Entry("R307", _M, "Profiles stand on each other", "Take one of them out of `profile:` where the message says."),
    Entry(
        "R308",
        _M,
        "The patch changes nothing that there is",
        "Correct kind and metadata.name, or take `patch:` out if it is a document of its own.",
    ),
    # R4xx: what the host lacks
    Entry(
        "R401",
        _R,
        "The host lacks something that this needs",
        "Provide it on the host, declare it, or change the manifest.",
    ),
    Entry("R402", _R, "More than the host can carry", "Ask for less, or allow it in the Host's policy."),
    Entry(
        "R403",
        _R,
        "libvirt cannot do this in place",
        "See the plan's reason; some changes need a new object and your data moved.",
    ),
    Entry(
        "R404",
        _R,
        "Manifests may not take a value from there",
        "Grant it with `secrets` in a settings file outside the desired state's tree, or in one named by --config.",
    ),
    Entry(
        "R405",
        _R,
        "The volume cannot stand on this image there",
        "Ask for at least the image's size; in pools that hold no files write clone: copy and use a raw image.",
    ),
    # R5xx: guards
    Entry(
        "R501", _R, "The plan is not approved", "Run it on a terminal, or pass --yes, --approve DIGEST or a plan file."
    ),
    Entry("R502", _R, "A change lacks permission", "Pass --allow with the word the plan shows."),
    Entry(
        "R503",
        _R,
        "Another owner claims this object",
        "Remove it from one of the two repositories, or set the same owner: in both settings.",
    ),
    Entry(
        "R504",
        _R,
        "Too much would be deleted at once",
        "Check that the repository is complete; pass --allow mass-delete if it is meant.",
    ),
    Entry(
        "R505",
        _R,
        "The object is protected",
        "Set protect: false (or take it out of the Host's policy.protect) in a commit first, then remove it.",
    ),
    Entry("R506", Family.BUSY, "The plan is stale", "Look at the new plan and approve it."),
    Entry("R507", Family.BUSY, "Another writer is at work on the host", "Wait for it, or pass --lock-timeout."),
    Entry("R508", _R, "The answer was not yes", "Nothing was changed. Only the word yes is taken as approval."),
    Entry(
        "R509", Family.BUSY, "The work was interrupted", "Run it again: what was begun is completed by the next apply."
    ),
    Entry(
        "R510",
        _R,
        "The object is still on another host",
        "Apply with --allow delete to remove it there; the next apply makes it on its new host.",
    ),
    Entry(
        "R511",
        Family.BUSY,
        "The restart window has closed",
        "It is done in the next window; --allow restart does not wait for it.",
    ),
    Entry("R514", _R, "The same change made the machine unhealthy", "Change the document, or pass --allow retry."),
    Entry("R518", _R, "The resource is suspended", "See `reconciler status` for who asked for it; then `resume` it."),
    # R6xx: hosts
    Entry(
        "R601",
        Family.UNREACHABLE,
        "The host cannot be reached",
        "Check the URI, the network and the libvirt daemon; `reconciler doctor` helps.",
    ),
    Entry(
        "R602",
        Family.UNREACHABLE,
        "The connection to the host was lost",
        "Run it again: what was done is done, the rest follows.",
    ),
    Entry(
        "R603",
        Family.DENIED,
        "libvirt or the system does not allow this",
        "Check the rights of the user (group libvirt, polkit, read-only socket).",
    ),
    Entry("R604", _F, "libvirt refused a call", "Read libvirt's own words in the message."),
    Entry(
        "R605", Family.BUSY, "The object is busy with another job", "Wait for the migration, backup or snapshot to end."
    ),
    Entry(
        "R606",
        _F,
        "The machine did not stop in time",
        "Look at its console; --allow force-off cuts the power after the deadline.",
    ),
    Entry(
        "R607",
        Family.UNREACHABLE,
        "The embedded host did not start",
        "See the log file that the message names; `reconciler doctor` helps.",
    ),
    Entry("R608", _F, "The object has vanished meanwhile", "Run it again; somebody removed it during the apply."),
    Entry("R609", _F, "The change did not take", "Run plan again: the host kept something else than was asked for."),
    Entry(
        "R611",
        Family.BUSY,
        "The guest has not followed yet",
        "Run apply again: what is open is done then. A guest that is booting, hung or uses the device lets go late.",
    ),
    Entry("R612", _F, "The machine is unhealthy after the change", "See the machine, or `reconciler rollback` it."),
    Entry("R613", _F, "Unhealthy after the change, rolled back to the definition of before", "Change the document."),
    Entry(
        "R614",
        _F,
        "A guest's interface could not be plugged in again",
        "The guest has no network there; the next apply tries again, and a restart of the guest helps too.",
    ),
    Entry(
        "R615",
        _F,
        "The value of a secret cannot be read",
        "Look at the place that the message names, as the user who runs reconciler; nothing of it was changed.",
    ),
    Entry(
        "R620",
        _F,
        "The image cannot be fetched",
        "Check the address, the network, the proxy and the certificate; what has come is kept for the next try.",
    ),
    Entry(
        "R621",
        _R,
        "The image is not the one that was meant",
        "Compare both digests with the publisher's; a newer image needs its digest in a commit of its own.",
    ),
    Entry("R622", _F, "There is no room for the image", "Free some space in the pool or on the disk that is named."),
    Entry(
        "R623",
        _R,
        "The image is refused",
        "An image is raw or qcow2, stands alone, and is no larger than maxSize; qemu-img convert makes such a one.",
    ),
    # R7xx: ledger and state directory
    Entry(
        "R701", _F, "The ledger cannot be read or written", "Check the state directory's permissions and free space."
    ),
    Entry("R702", _M, "No such version in the ledger", "`reconciler history REF` lists the versions."),
    Entry("R703", _M, "No such git revision", "Check the name with git rev-parse."),
    # R8xx: command line and settings
    Entry("R801", Family.USAGE, "The command line is wrong", "See --help."),
    Entry(
        "R802",
        Family.USAGE,
        "The settings file is wrong",
        "Mend the line shown; `reconciler help settings` lists the settings.",
    ),
    Entry("R803", Family.USAGE, "The plan file is not a plan", "Write one with `reconciler plan --out FILE`."),
    Entry("R804", Family.USAGE, "The target is not empty", "Choose an empty directory."),
    Entry("R805", _F, "The answer cannot be written", "Check the permissions and the space where it goes."),
    Entry(
        "R806",
        _F,
        "An object cannot be imported",
        "Everything else was imported. Commit its libvirt XML as it is instead, and report what the message says.",
    ),
    Entry(
        "R807",
        Family.USAGE,
        "A manifest is there already",
        "Keep it, pass --overwrite to write it anew from the object, or choose another --to.",
    ),
    Entry("R999", _F, "A bug in reconciler", "Please report it with the traceback."),
)
