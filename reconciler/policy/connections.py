"""Which hosts documents may lead to: a libvirt URI can run programs on the machine where reconciler runs."""

from __future__ import annotations

from urllib.parse import parse_qsl

from reconciler.policy.matching import like, like_url
from reconciler.policy.policies import Policy

# Parameters of libvirt's URIs that run nothing and name no file; `command`, `netcat`, `keyfile`, `socket` … do.
_HARMLESS = frozenset({"mode", "no_tty", "proxy"})


def refusal(policy: Policy, path: str, uri: str) -> str:
    """What the policy has against a URI that stands at `path` of a document or settings file; "" for nothing."""
    allowed = policy.lists.get("connections")
    if allowed is None or any(_permits(pattern, uri) for pattern in allowed):
        return ""
    return f"{path} is {uri}; {policy.origin} does not permit it (connections: {', '.join(allowed) or 'none'})"


def _permits(pattern: str, uri: str) -> bool:
    if uri == pattern:
        return True
    address, _, query = uri.partition("?")
    plain, _, parameters = pattern.partition("?")
    names = {name for name, _ in parse_qsl(query, keep_blank_values=True)}
    if "#" in uri or not (like(query, parameters) if parameters else names <= _HARMLESS):
        return False
    return like_url(address, plain)
