"""What one run of the program works with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.model.documents import Mode

if TYPE_CHECKING:
    from reconciler.model.plans import Allow
    from reconciler.model.refs import Ref
    from reconciler.policy.policies import Policy

from reconciler.app.image_settings import ImageSettings
from reconciler.model.secrets import Grants


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The command line, environment and settings file, resolved.

    `connect` is None for libvirt's own default. `owner` is "" unless the settings file names one.
    `values` are the values files of the command line, the nearest last. `lock_timeout` in seconds.
    `parallelism` counts changes at once over all hosts. `grants` is where manifests may take secret values from,
    and every one of the `policies` has to be satisfied by them. `mode` is the most
    that any document may bind.
    """

    directory: Path
    state_dir: Path
    cache_dir: Path
    connect: str | None = None
    owner: str = ""
    parallelism: int = 10
    lock_timeout: float = 0.0
    values: tuple[Path, ...] = ()
    grants: Grants = Grants()
    images: ImageSettings = ImageSettings()
    policies: tuple[Policy, ...] = ()
    mode: Mode = Mode.ENFORCE

    @property
    def apart(self) -> tuple[Path, ...]:
        """Our own directories: where one lies below the desired state, the XML in it is no manifest."""
        return self.state_dir, self.state_dir / "embedded", self.cache_dir


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which resources (all if `refs` is empty) of which revision: a git name, or "" for the files as they are."""

    refs: tuple[Ref, ...] = ()
    exclude: tuple[Ref, ...] = ()
    revision: str = ""
    allow: frozenset[Allow] = frozenset()
