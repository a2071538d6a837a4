"""What an object is called by its document: most by a name, some by what they are for."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.markup import Element

DEFAULT_POOL = "default"
# What each use of a secret calls the thing that the secret is for (formatsecret).
USES: Mapping[str, str] = {"volume": "volume", "ceph": "name", "iscsi": "target", "tls": "name", "vtpm": "name"}

# The network filters that libvirt brings along (package libvirt-daemon-config-nwfilter).
GIVEN_FILTERS = frozenset(
    {
        "allow-arp",
        "allow-dhcp-server",
        "allow-dhcp",
        "allow-dhcpv6-server",
        "allow-dhcpv6",
        "allow-incoming-ipv4",
        "allow-incoming-ipv6",
        "allow-ipv4",
        "allow-ipv6",
        "clean-traffic-gateway",
        "clean-traffic",
        "no-arp-ip-spoofing",
        "no-arp-mac-spoofing",
        "no-arp-spoofing",
        "no-ip-multicast",
        "no-ip-spoofing",
        "no-ipv6-multicast",
        "no-ipv6-spoofing",
        "no-mac-broadcast",
        "no-mac-spoofing",
        "no-other-l2-traffic",
        "no-other-rarp-traffic",
        "qemu-announce-self-rarp",
        "qemu-announce-self",
    }
)


def written_name(kind: str, name: str, body: Mapping[str, object]) -> str:
    """The name of a document's object: a volume's is its own only within its pool, a secret's is what it is for."""
    if kind == "Volume" and "/" not in name:
        return f"{body.get('pool', DEFAULT_POOL)}/{name}"
    if kind == "Secret":
        return _secret(name, body)
    return name


def _secret(name: str, body: Mapping[str, object]) -> str:
    usage = body.get("usage")
    if usage is None:
        return secret_name("", "", str(body.get("uuid", "")))
    said = usage if isinstance(usage, Mapping) else {"type": usage}
    use = str(said.get("type", ""))
    return secret_name(use, str(said.get(USES.get(use, ""), name)), "")


def secret_name(use: str, called: str, uuid: str) -> str:
    """`ceph/client.libvirt secret`, `volume/var/lib/libvirt/images/a.img`; `none/` and the UUID where it has no use."""
    return f"{use}/{called.removeprefix('/')}" if use else f"none/{uuid.lower()}"


def defined_name(root: Element) -> str:
    """The name of the object that a definition of libvirt defines; "" where it has none."""
    if root.tag == "filter":
        return root.get("name", "").strip()
    if root.tag != "secret":
        return (root.findtext("name") or "").strip()
    usage = root.find("usage")
    use = usage.get("type", "") if usage is not None else ""
    called = (root.findtext(f"usage/{USES.get(use, 'name')}") or "").strip()
    uuid = (root.findtext("uuid") or "").strip()
    return secret_name(use, called, uuid) if (called if use else uuid) else ""


def needed_name(root: Element) -> str:
    """What a definition without a name lacks, as a message says it."""
    return {"filter": "its name", "secret": "<usage>, or <uuid>"}.get(str(root.tag), "<name>")
