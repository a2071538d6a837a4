"""`xml:` under patches: laid over one another by the real kinds, and every mistake told at its own line."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.adapters.schemas import installed
from reconciler.app import wiring
from reconciler.app.desired import Desired, read_desired
from reconciler.app.settings import Settings
from reconciler.app.sources import Gathered
from reconciler.app.validate import validate
from reconciler.errors import ManifestError
from reconciler.model.refs import Ref
from tests.app.kinds import Memory, Texts

WEB = Ref("Domain", "web")
PATCH = "patch: merge\n"
WATCHDOG = "<devices><watchdog model='i6300esb' action='reset'/></devices>"


def document(spec: str, more: str = "", kind: str = "Domain", name: str = "web") -> str:
    return f"apiVersion: reconciler/v1\nkind: {kind}\nmetadata: {{name: {name}}}\n{more}spec:\n  vcpus: 2\n{spec}"


def block(*lines: str) -> str:
    return "  xml: |\n" + "".join(f"    {line}\n" for line in ("<domain>", *lines, "</domain>"))


BASE = document("  memory: 1GiB\n" + block("<title>base</title>", WATCHDOG))


def desired(texts: dict[str, str], cache: Memory | None = None) -> Desired:
    settings = Settings(directory=Path(), state_dir=Path(), cache_dir=Path())
    return read_desired(Gathered(Texts(texts)), cache or Memory(), wiring.kinds(), "hv0", settings)


def claims(texts: dict[str, str], cache: Memory | None = None) -> dict[str, str | None]:
    return dict(desired(texts, cache).specs["hv0", WEB].claims)


def wrong(texts: dict[str, str]) -> dict[str, str]:
    with pytest.raises(ManifestError) as caught:
        desired(texts)
    return {problem.where: problem.number for problem in caught.value.problems}


def action(found: dict[str, str | None]) -> str | None:
    return next((text for address, text in found.items() if address.endswith("@action")), None)


def test_the_piece_of_a_patch_is_laid_over_that_of_the_document_element_by_element() -> None:
    cache = Memory()
    over = document(block("<title>patched</title>"), PATCH)
    last = document(block(WATCHDOG.replace("reset", "pause")), PATCH)
    for _ in ("cold", "warm"):
        found = claims({"a.yaml": BASE, "b.yaml": over, "c.yaml": last}, cache)
        assert (found["title"], action(found)) == ("patched", "pause")


def test_it_is_laid_over_those_of_profiles_too_and_a_profile_can_be_patched() -> None:
    texts = {
        "a.yaml": document("  profile: small\n  memory: 1GiB\n" + block("<title>base</title>")),
        "b.yaml": document(block("<genid/>"), PATCH),
        "p.yaml": document(
            block(WATCHDOG, "<description>${metadata.name}</description>"), kind="Profile", name="small"
        ),
        "q.yaml": document(block("<title>low</title>", WATCHDOG.replace("reset", "pause")), PATCH, "Profile", "small"),
    }
    found = claims(texts)
    assert (found["title"], found["description"], action(found), "genid" in found) == ("base", "web", "pause", True)


def test_a_patch_can_refuse_one_element_or_all_that_lies_below() -> None:
    gone = WATCHDOG.replace(" action='reset'", " reconciler:remove='yes'").replace(" model='i6300esb'", "")
    found = claims({"a.yaml": BASE, "b.yaml": document(block(gone), PATCH)})
    assert (found["title"], action(found)) == ("base", None)
    found = claims({"a.yaml": BASE, "b.yaml": document("  xml: null\n", PATCH)})
    assert ("title" in found, action(found)) == (False, None)


def test_placeholders_in_every_piece_are_filled_in_and_stay_text() -> None:
    base = document(block("<title>${metadata.labels.note}</title>")).replace("web}", "web, labels: {note: a<b}}")
    over = document(block("<description>${metadata.labels.note}</description>"), PATCH)
    found = claims({"a.yaml": base, "b.yaml": over})
    assert (found["title"], found["description"]) == ("a<b", "a<b")


@pytest.mark.parametrize(
    ("base", "over", "where"),
    [
        (BASE, document(block("<x>"), PATCH), {"b.yaml:10:14": "R110"}),
        (BASE, document("  xml: <network/>\n", PATCH), {"b.yaml:7:8": "R111"}),
        (BASE, document("  xml: [<domain/>]\n", PATCH), {"b.yaml:7:8": "R204"}),
        (BASE, document(block("<memballoon reconciler:remove='no'/>"), PATCH), {"b.yaml:9:5": "R113"}),
        (
            document(block("<memballoon reconciler:remove='no'/>")),
            document(block("<x/>"), PATCH),
            {"a.yaml:8:5": "R113"},
        ),
        (
            document("  title: ${metadata.name}\n  xml: [<domain/>]\n"),
            document(block("<x/>"), PATCH),
            {"a.yaml:7:8": "R204"},
        ),
    ],
)
def test_what_is_wrong_in_a_piece_is_told_where_that_is_written(base: str, over: str, where: dict[str, str]) -> None:
    assert wrong({"a.yaml": base, "b.yaml": over}) == where


def test_a_list_that_somebody_wrote_is_none_of_pieces() -> None:
    base = document("  memory: 1GiB\n  title: ${metadata.name}\n  xml: [<domain/>]\n")
    assert wrong({"a.yaml": base}) == {"a.yaml:8:8": "R204"}


@pytest.mark.skipif(not installed("domain"), reason="libvirt's schemas are not installed")
def test_what_libvirts_schema_does_not_know_is_told_in_the_piece_that_says_it(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(BASE)
    (tmp_path / "b.yaml").write_text(document(block("<devices>", "  <watchdgo model='ib700'/>", "</devices>"), PATCH))
    settings = Settings(directory=tmp_path, state_dir=tmp_path, cache_dir=tmp_path / "cache")
    (problem,) = validate([], settings).problems
    assert (problem.number, problem.where) == ("R208", "b.yaml:10:7")
