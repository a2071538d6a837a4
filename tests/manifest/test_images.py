"""What Image documents make of the volumes that name them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from reconciler.app.desired import NoCache, work_with
from reconciler.app.understand import understand
from reconciler.app.work import Work
from reconciler.kinds import KINDS
from reconciler.model.documents import Spec
from reconciler.model.refs import Ref
from reconciler.ports import SourceFile

ONE, TWO = ("sha256:" + digit * 64 for digit in "12")
KEPT = "default/base-1111111111111111"


def image(name: str = "base", digest: str = ONE, source: str = "url: https://example.com/base", more: str = "") -> str:
    return f"""
---
apiVersion: reconciler/v1
kind: Image
metadata: {{name: {name}}}
spec: {{source: {{{source}}}, digest: "{digest}"{more}}}
"""


def volume(spec: str, name: str = "v", host: str = "") -> str:
    metadata = f"name: {name}" + (f", host: {host}" if host else "")
    return f"\n---\napiVersion: reconciler/v1\nkind: Volume\nmetadata: {{{metadata}}}\nspec: {{{spec}}}\n"


def read(*documents: str, cache: object = None) -> tuple[Mapping[tuple[str, Ref], Spec], Work]:
    work = work_with(KINDS, cache or NoCache(), "hv1", "me")
    specs, _ = understand([SourceFile("a.yaml", "".join(documents).encode())], work)
    return specs, work


def understood(*documents: str, cache: object = None) -> Mapping[Ref, Spec]:
    specs, work = read(*documents, cache=cache)
    assert work.problems == []
    return {ref: spec for (_, ref), spec in specs.items()}


def problems(*documents: str) -> list[tuple[str, str]]:
    return [(problem.number, problem.where) for problem in read(*documents)[1].problems]


def test_a_volume_stands_on_the_volume_that_its_image_is_kept_as() -> None:
    specs = understood(image(more=", format: qcow2, maxSize: 4GiB, compression: xz"), volume("image: base"))
    assert sorted(ref.name for ref in specs) == [KEPT, "default/v"]
    mine = specs[Ref("Volume", "default/v")]
    assert mine.hints["!backing"] == KEPT and "!backing" not in mine.claims
    assert [need.ref.name for need in mine.needs] == ["default", KEPT]
    kept = specs[Ref("Volume", KEPT)].claims
    assert kept["!source.url"] == "https://example.com/base" and kept["!source.sum"] == ONE
    assert kept["!source.format"] == kept["target/format@type"] == "qcow2"
    assert (kept["!source.limit"], kept["!source.compression"]) == (str(4 << 30), "xz")


def test_a_volume_that_follows_its_image_claims_what_it_stands_on() -> None:
    specs = understood(image(), volume("image: base, imagePolicy: rebuild"))
    assert specs[Ref("Volume", "default/v")].claims["!backing"] == KEPT
    specs = understood(image(), volume("image: base, imagePolicy: rebuild, clone: copy"))
    assert specs[Ref("Volume", "default/v")].claims["!source.volume"] == KEPT


def test_a_disk_with_an_image_gets_a_volume_that_stands_on_it() -> None:
    domain = """
---
apiVersion: reconciler/v1
kind: Domain
metadata: {name: web}
spec:
  memory: 64MiB
  disks:
    - {name: root, image: base}
    - {name: data, image: base, size: 4GiB, clone: copy, pool: more}
"""
    pools = "\n---\napiVersion: reconciler/v1\nkind: Pool\nmetadata: {name: more}\nspec: {path: /p}\n"
    specs = understood(image(), domain, pools)
    root, data = (specs[Ref("Volume", name)] for name in ("default/web-root", "more/web-data"))
    assert "capacity" not in root.claims and root.hints["!backing"] == KEPT
    assert data.claims["capacity"] == str(4 << 30) and data.hints["!source.volume"] == "more/base-1111111111111111"
    claims = specs[Ref("Domain", "web")].claims
    assert claims["devices/disk[root]/source@volume"] == "web-root"
    assert not [address for address in claims if "image" in address or "clone" in address]


def test_an_image_is_kept_once_for_each_pool_and_host() -> None:
    hosts = "".join(
        f"\n---\napiVersion: reconciler/v1\nkind: Host\nmetadata: {{name: {name}}}\nspec: {{uri: 'test:///{name}'}}\n"
        for name in ("a", "b")
    )
    pools = "".join(
        f"\n---\napiVersion: reconciler/v1\nkind: Pool\nmetadata: {{name: p, host: {name}}}\nspec: {{path: /p}}\n"
        for name in ("a", "b")
    )
    volumes = [
        volume(f"image: base, pool: {pool}", name, host)
        for pool, name, host in (("p", "v", "a"), ("p", "w", "a"), ("default", "x", "a"), ("p", "v", "b"))
    ]
    specs, work = read(hosts, pools, image(), *volumes)
    assert work.problems == []
    kept = sorted((host, ref.name) for host, ref in specs if "base-" in ref.name)
    name = "base-1111111111111111"
    assert kept == [("a", f"default/{name}"), ("a", f"p/{name}"), ("b", f"p/{name}")]


def test_an_image_with_a_pool_of_its_own_is_kept_there_for_all() -> None:
    pools = "\n---\napiVersion: reconciler/v1\nkind: Pool\nmetadata: {name: p}\nspec: {path: /p}\n"
    specs = understood(pools, image(more=", pool: p"), volume("image: base"))
    assert specs[Ref("Volume", "default/v")].hints["!backing"] == "p/base-1111111111111111"


def test_an_image_that_nothing_names_makes_nothing() -> None:
    assert understood(image()) == {}


def test_what_is_wrong_with_an_image_is_said_once_and_at_its_place() -> None:
    for source, number in (("url: https://a/b, file: c", "R207"), ("", "R205"), ("url: https://me:hush@a/b", "R204")):
        ((found, where),) = problems(image(source=source), volume("image: base"))
        assert found == number and where.startswith("a.yaml:6:")
    assert [number for number, _ in problems(image(digest="md5:1"), volume("image: base"))] == ["R204"]


def test_a_volume_that_names_no_image_or_two_origins_is_told_at_the_word() -> None:
    assert problems(volume("image: none")) == [("R302", "a.yaml:6:15")]
    for other in ("backing: b", "source: /b"):
        assert problems(image(), volume(f"image: base, {other}"))[0][0] == "R207"


def test_two_images_of_one_name_are_told() -> None:
    assert [number for number, _ in problems(image(), image())] == ["R301"]


def test_a_volume_with_the_name_of_a_kept_image_is_told() -> None:
    own = volume("capacity: 1GiB", "base-1111111111111111")
    assert "R301" in [number for number, _ in problems(image(), volume("image: base"), own)]


@pytest.mark.parametrize("url", ["https://example.com/base?token=hush", "https://example.com/base?a=b"])
def test_what_is_remembered_of_an_address_holds_no_token(url: str) -> None:
    specs = understood(image(source=f'url: "{url}"'), volume("image: base"))
    assert specs[Ref("Volume", "default/v")].hints["!image.source"] == "https://example.com/base"


class Memory:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], str] = {}

    def get(self, table: str, keys: object) -> dict[str, str]:
        return {key: self.rows[table, key] for key in keys if (table, key) in self.rows}

    def put(self, table: str, rows: Mapping[str, str]) -> None:
        self.rows.update({(table, key): row for key, row in rows.items()})


def test_a_cache_knows_that_another_digest_is_another_image() -> None:
    cache = Memory()
    for digest in (ONE, TWO, ONE):
        first = understood(image(digest=digest), volume("image: base"), cache=cache)
        again = understood(image(digest=digest), volume("image: base"), cache=cache)
        assert first == again
        assert Ref("Volume", f"default/base-{digest[7:23]}") in first


def test_what_documents_come_to_is_valid_by_itself() -> None:
    _, work = read(image(), volume("image: base"))
    bodies = {ref.name: document.body for (_, ref), document in work.origins.items()}
    assert bodies["default/v"] == {"image": "base"}
    assert "image" not in bodies[KEPT] and "!image" not in bodies[KEPT]
    assert bodies[KEPT]["source"] == {"url": "https://example.com/base", "digest": ONE}
