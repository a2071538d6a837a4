"""A user's directory, a user's terminal and a real host: what each scenario is played with."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import libvirt
import pytest

from reconciler import markup

# Their assertions tell what they saw, like a test's own.
pytest.register_assert_rewrite("tests.scenarios.inside", "tests.scenarios.live")


@dataclass
class Lab:
    """One desired-state directory, one state directory, one real host."""

    directory: Path
    state: Path
    uri: str
    environment: dict = field(default_factory=dict)

    def write(self, text, name="main.yaml"):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def remove(self, name="main.yaml"):
        (self.directory / name).unlink()

    def command(self, *arguments, uri=None):
        where = ["-C", str(self.directory), "--state-dir", str(self.state), "-c", uri or self.uri]
        return [sys.executable, "-m", "reconciler", *where, *map(str, arguments)]

    def run(self, *arguments, code=0, uri=None):
        environment = {**os.environ, "RECONCILER_CACHE_DIR": str(self.state / "cache"), **self.environment}
        result = subprocess.run(
            self.command(*arguments, uri=uri), capture_output=True, text=True, check=False, env=environment
        )
        assert code is None or result.returncode == code, f"{result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    def plan(self, *arguments, code=0):
        return json.loads(self.run("plan", "-o", "json", *arguments, code=code).stdout)

    def apply(self, *arguments, code=0):
        return json.loads(self.run("apply", "--yes", "-o", "json", *arguments, code=code).stdout)

    def converge(self, text=None, *arguments, name="main.yaml"):
        """Apply, and hold that nothing is left to do."""
        if text is not None:
            self.write(text, name)
        applied = self.apply(*arguments)
        assert self.plan()["changes"] == []
        return applied

    def actions(self):
        return [(change["ref"], change["action"]) for change in self.plan()["changes"]]

    def connect(self):
        return libvirt.open(self.uri)

    def xml(self, name, live=False):
        connection = self.connect()
        try:
            return markup.parse(connection.lookupByName(name).XMLDesc(0 if live else 2))
        finally:
            connection.close()

    def domain(self, name):
        """A domain's handle; its connection lives as long as it does."""
        return self.connect().lookupByName(name)


def sweep(uri):
    """Take everything off a host."""
    connection = libvirt.open(uri)
    flags = 1 | 2 | 4 | 16
    for domain in connection.listAllDomains():
        # Undefined first: libvirt 9.0 forgets a namesake that is defined while it buries a destroyed one.
        active = domain.isActive()
        if domain.isPersistent():
            domain.undefineFlags(flags)
        if active:
            domain.destroy()
    for network in connection.listAllNetworks():
        if network.isActive():
            network.destroy()
        network.undefine()
    for pool in connection.listAllStoragePools():
        if pool.isActive():
            pool.destroy()
        pool.undefine()
    for thing in (*connection.listAllNWFilters(), *connection.listAllSecrets()):
        thing.undefine()
    connection.close()


@pytest.fixture(scope="module")
def host(embedded_host):
    return embedded_host()


@pytest.fixture
def lab(host, tmp_path):
    directory = tmp_path / "desired"
    directory.mkdir()
    yield Lab(directory, tmp_path / "state", host.uri)
    sweep(host.uri)
