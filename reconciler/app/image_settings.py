"""What the setting `images` says: how images are fetched, and how much may be kept of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.model.quantities import parse_size
from reconciler.model.secrets import SOURCES, Grants, Reference, reference_of

_KNOWN = ("ca", "credentials", "cacheSize", "maxSize")
# A login is one of the operator's own; encrypted files of the repository are not his.
_OUTSIDE = ("file", "env", "command")


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """What a server is shown: a user with a password, or ("" for the user) a token."""

    secret: Reference
    user: str = ""


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """`ca` is the file of a private certificate authority; `logins` are by host name; sizes in bytes, 0 is usual."""

    ca: str = ""
    logins: Mapping[str, Login] = field(default_factory=dict)
    room: int = 0
    limit: int = 0

    @property
    def grants(self) -> Grants:
        """What has to be readable for the logins: whoever names them here may name anything."""
        commands = tuple(login.secret.at for login in self.logins.values() if login.secret.source == "command")
        return Grants(commands=commands, files=("/",), env=("*",))


def read_images(value: object) -> ImageSettings:
    """The value of the setting `images`. Raises ValueError."""
    if not isinstance(value, Mapping):
        raise ValueError(f"wants a mapping of {', '.join(_KNOWN)}")
    unknown = sorted(set(map(str, value)) - set(_KNOWN))
    if unknown:
        raise ValueError(f"there is no {unknown[0]!r}; known are {', '.join(_KNOWN)}")
    return ImageSettings(
        ca=_absolute(value["ca"]) if "ca" in value else "",
        logins=_logins(value.get("credentials", {})),
        room=_size(value, "cacheSize"),
        limit=_size(value, "maxSize"),
    )


def _absolute(value: object) -> str:
    if not isinstance(value, str) or not Path(value).is_absolute():
        raise ValueError("ca wants an absolute path")
    return value


def _size(value: Mapping[object, object], name: str) -> int:
    try:
        return parse_size(str(value[name])) if name in value else 0
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _logins(value: object) -> dict[str, Login]:
    if not isinstance(value, Mapping):
        raise ValueError("credentials wants a mapping of host names")
    return {str(host): _login(host, login) for host, login in value.items()}


def _login(host: object, value: object) -> Login:
    """`{token: {env: X}}`, or `{user: me, password: {file: /run/keys/images}}`."""
    if not isinstance(value, Mapping) or set(value) not in ({"token"}, {"user", "password"}):
        raise ValueError(f"credentials for {host} are a token, or a user and a password")
    secret = value["token"] if "token" in value else value["password"]
    if not isinstance(secret, Mapping) or len(set(secret) & set(SOURCES)) != 1 or not set(secret) & set(_OUTSIDE):
        raise ValueError(f"credentials for {host}: say where the value is, for example {{env: IMAGES_TOKEN}}")
    return Login(secret=reference_of(secret), user=str(value.get("user", "")))
