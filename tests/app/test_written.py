"""What documents come to, and where each value was written: the real kinds, from real directories."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.app.settings import Selection, Settings
from reconciler.app.written import Written, as_yaml, written
from reconciler.errors import ReconcilerError
from reconciler.manifest.load import load
from reconciler.model.refs import Ref

WEB = """apiVersion: reconciler/v1
kind: Domain
metadata: {name: "web-${index}"}
generate: {count: 1, start: 1}
spec:
  profile: small
  title: ${values.title} ${index}
  memory: ${values.memory}
  graphics:
    - {type: vnc, password: geheim12}
  disks:
    - {name: root, size: 4GiB}
  xml: |
    <domain><description>one</description></domain>
---
apiVersion: reconciler/v1
kind: Profile
metadata: {name: small}
spec:
  machine: q35
  vcpus: 2
  description: ${metadata.name} of ${values.title}
"""
VALUES = "title: Web\nmemory: {max: 4GiB}\n"
PATCH = """apiVersion: reconciler/v1
kind: Domain
metadata: {name: web-1}
patch: merge
spec: {vcpus: 8}
"""


@pytest.fixture
def state(tmp_path: Path) -> Settings:
    root = tmp_path / "state"
    root.mkdir()
    for name, text in {"web.yaml": WEB, "values.yaml": VALUES, "patch.yaml": PATCH}.items():
        (root / name).write_text(text)
    return Settings(directory=root, state_dir=tmp_path, cache_dir=tmp_path / "cache", connect="test:///default")


def one(state: Settings, ref: Ref) -> Written:
    (found,) = written(state, Selection(refs=(ref,)))
    return found


def test_each_value_has_the_place_where_it_was_written(state: Settings) -> None:
    found = one(state, Ref("Domain", "web-1")).origins
    assert found["spec.machine"] == "web.yaml:20 (Profile/small)"
    assert found["spec.description"] == "web.yaml:22 (web.yaml:3, values.yaml:1, Profile/small)"
    assert found["spec.title"] == "web.yaml:7 (values.yaml:1, web.yaml:4)"
    assert found["spec.memory.max"] == "values.yaml:2"
    assert found["spec.vcpus"] == "patch.yaml:5"
    assert found["spec.disks[0].name"] == "web.yaml:12"
    assert found["spec.disks[0].format"] == found["metadata.host"] == "default"


def test_a_volume_that_a_disk_asks_for_comes_from_that_disk(state: Settings) -> None:
    found = one(state, Ref("Volume", "default/web-1-root"))
    assert {found.origins[path] for path in ("kind", "metadata.name", "spec.capacity")} == {"web.yaml:12"}
    assert found.origins["spec.format"] == "default"
    assert found.document["metadata"] == {"name": "web-1-root", "host": found.host}


def test_the_yaml_is_what_the_documents_come_to_and_has_the_origins_beside_it(state: Settings) -> None:
    resources = written(state, Selection())
    for text in (as_yaml(resources, origins=False), as_yaml(resources, origins=True)):
        loaded, problems = load(text.encode(), "shown.yaml")
        assert problems == []
        assert [each.value for each in loaded] == [each.document for each in resources]
    shown = as_yaml(resources, origins=True).split("\n")
    assert [line.partition("# ")[2] for line in shown if line.startswith("  vcpus: 8")] == ["patch.yaml:5"]
    assert [line.partition("# ")[2] for line in shown if line.startswith("  xml: |")] == ["web.yaml:13"]


def test_a_secret_is_shown_nowhere(state: Settings) -> None:
    path = state.directory / "web.yaml"
    assert "geheim12" not in as_yaml(written(state, Selection()), origins=True)
    hidden = "<domain><devices><graphics type='vnc' passwd='s3cr3t&amp;'/></devices></domain>"
    path.write_text(WEB.replace("<domain><description>one</description></domain>", hidden))
    shown = as_yaml(written(state, Selection()), origins=True)
    assert "s3cr3t" not in shown
    assert "xml: (hidden)" in shown.replace("'", "")


def test_what_is_wrong_stops_it_and_so_does_a_name_that_nothing_declares(state: Settings) -> None:
    with pytest.raises(ReconcilerError) as unknown:
        one(state, Ref("Domain", "web-2"))
    assert unknown.value.problems[0].number == "R305"
    (state.directory / "values.yaml").write_text("title: Web\n")
    with pytest.raises(ReconcilerError) as wrong:
        one(state, Ref("Domain", "web-1"))
    assert [(each.number, each.where) for each in wrong.value.problems] == [("R116", "web.yaml:8:11")]
