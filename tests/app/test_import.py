"""Manifests from files: where they go, what becomes of those that are there, and of what cannot be imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.app import wiring
from reconciler.app.import_ import Imported, Result, Wish, import_
from reconciler.app.layout import paths
from reconciler.app.settings import Selection, Settings
from reconciler.app.validate import validate
from reconciler.errors import ReconcilerError
from reconciler.kind import Kind
from reconciler.kinds import KINDS
from reconciler.model.refs import Ref

DOMAIN = "<domain type='kvm'><name>{}</name><memory>1048576</memory><os><type>hvm</type></os></domain>"
POOL = "<pool type='dir'><name>ssd</name><target><path>/srv/ssd/</path></target></pool>"
VOLUME = "<volume><name>a.img</name><capacity>1024</capacity><target><path>/srv/ssd/a.img</path></target></volume>"
NETWORK = "<network><name>lan</name></network>"
COMMENT = "<!--\nWARNING: THIS IS AN AUTO-GENERATED FILE.\n  virsh edit lan\n-->\n\n"


@pytest.fixture
def imports(tmp_path: Path) -> Callable[..., Imported]:
    """Import files into `tmp_path / "to"`."""

    def run(*files: Path, exclude: tuple[Ref, ...] = (), overwrite: bool = False) -> Imported:
        settings = Settings(directory=tmp_path / "to", state_dir=tmp_path, cache_dir=tmp_path / "cache")
        wish = Wish(to=tmp_path / "to", files=files, overwrite=overwrite)
        return import_(settings, Selection(exclude=exclude), wish, lambda done, whole: None)

    return run


@pytest.fixture
def libvirt(tmp_path: Path) -> Path:
    """A directory as libvirt keeps it: definitions by kind, and links to those that start with their host."""
    files = {
        "qemu/web.xml": DOMAIN.format("web"),
        "qemu/networks/lan.xml": COMMENT + NETWORK,
        "storage/ssd.xml": POOL,
        "backup/a.img.xml": VOLUME,
        "qemu/networks/autostart/lan.xml": COMMENT + NETWORK,
        "capabilities.xml": "<capabilities/>",
    }
    for name, text in files.items():
        path = tmp_path / "etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "etc"


def written(imported: Imported, to: Path) -> dict[str, str]:
    return {str(item.path.relative_to(to)): item.path.read_text() for item in imported.items}


def test_a_directory_of_libvirt_becomes_a_desired_state(imports: Callable[..., Imported], libvirt: Path) -> None:
    to = libvirt.parent / "to"
    imported = imports(libvirt)
    texts = written(imported, to)
    assert sorted(texts) == ["domains/web.yaml", "networks/lan.yaml", "pools/ssd.yaml", "volumes/ssd/a.img.yaml"]
    assert (imported.problems, imported.passed) == ((), (libvirt / "capabilities.xml",))
    assert imported.summary == {"Domain": 1, "Network": 1, "Pool": 1, "Volume": 1}
    assert "autostart: true" in texts["networks/lan.yaml"] and "autostart" not in texts["pools/ssd.yaml"]
    assert "pool: ssd" in texts["volumes/ssd/a.img.yaml"]
    settings = Settings(directory=to, state_dir=to.parent, cache_dir=to.parent / "cache")
    assert (validate([], settings).count, validate([], settings).problems) == (4, ())


def test_what_looks_like_a_placeholder_means_what_it_meant(imports: Callable[..., Imported], tmp_path: Path) -> None:
    (tmp_path / "web.xml").write_text(DOMAIN.format("web").replace("</name>", "</name><title>${HOME} ${a.b}</title>"))
    texts = written(imports(tmp_path / "web.xml"), tmp_path / "to")
    assert "title: '$${HOME} $${a.b}'" in texts["domains/web.yaml"]
    settings = Settings(directory=tmp_path / "to", state_dir=tmp_path, cache_dir=tmp_path / "cache")
    assert validate([], settings).problems == ()


def test_importing_again_changes_no_byte(imports: Callable[..., Imported], libvirt: Path) -> None:
    to = libvirt.parent / "to"
    first = written(imports(libvirt), to)
    again = imports(libvirt)
    assert {item.result for item in again.items} == {Result.SAME}
    assert written(again, to) == first
    assert not [path for path in to.rglob("*") if path.name.startswith(".")]


def test_a_manifest_that_says_something_else_is_overwritten_on_demand_only(
    imports: Callable[..., Imported], libvirt: Path
) -> None:
    path = libvirt.parent / "to/networks/lan.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("# mine\n")
    imported = imports(libvirt)
    assert [(problem.number, problem.where) for problem in imported.problems] == [("R807", str(path))]
    assert (len(imported.items), path.read_text()) == (3, "# mine\n")
    anew = {item.ref: item.result for item in imports(libvirt, overwrite=True).items}
    assert (anew[Ref("Network", "lan")], anew[Ref("Pool", "ssd")]) == (Result.OTHER, Result.SAME)


def test_one_object_that_fails_keeps_none_of_the_others(
    imports: Callable[..., Imported], libvirt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(texts: object) -> dict[str, object]:
        raise KeyError("vcpu")

    broken: Mapping[str, Kind] = {**KINDS, "Domain": replace(KINDS["Domain"], dump=breaks, dumped=None)}
    monkeypatch.setattr(wiring, "kinds", lambda: broken)
    (libvirt / "storage/odd.xml").write_text("<pool type='dir'><name>odd</name></pool>")
    (libvirt / "storage/half.xml").write_text("<pool")
    imported = imports(libvirt)
    told = {problem.number: str(problem) for problem in imported.problems}
    assert "Domain/web cannot be imported, by a bug in reconciler: KeyError: 'vcpu' (test_import.py:" in str(
        imported.problems
    )
    assert sorted(told) == ["R110", "R806"] and "half.xml:1" in told["R110"]
    assert "Pool/odd cannot be imported: " in str(imported.problems) and "needs path" in str(imported.problems)
    assert [str(item.ref) for item in imported.items] == ["Network/lan", "Pool/ssd", "Volume/ssd/a.img"]


def test_what_two_files_define_otherwise_is_said(imports: Callable[..., Imported], libvirt: Path) -> None:
    (libvirt / "zzz.xml").write_text(DOMAIN.format("web").replace("1048576", "2097152"))
    (problem,) = imports(libvirt).problems
    assert problem.number == "R301" and "qemu/web.xml" in problem.message


def test_a_file_that_is_named_has_to_define_something(imports: Callable[..., Imported], libvirt: Path) -> None:
    found = imports(libvirt / "capabilities.xml", libvirt / "nothing.xml")
    assert sorted(problem.number for problem in found.problems) == ["R111", "R112"]


def test_what_is_excluded_is_left_out(imports: Callable[..., Imported], libvirt: Path) -> None:
    assert imports(libvirt, exclude=(Ref("Domain", "web"),)).summary == {"Network": 1, "Pool": 1, "Volume": 1}


def test_a_directory_that_cannot_be_written_is_a_problem_of_each_file(
    imports: Callable[..., Imported], libvirt: Path
) -> None:
    (libvirt.parent / "to").write_text("")
    assert {problem.number for problem in imports(libvirt).problems} == {"R805"}


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["web-1", "Windows 10"], ["Windows-10", "web-1"]),
        (["Web", "web"], ["Web-", "web"]),
        (["a b", "a-b", "a:b"], ["a-b", "a-b-", "a-b-"]),
        (["Büro"], ["Büro"]),
        ([":"], ["unnamed"]),
        (["x" * 200], ["x" * 50 + "-"]),
    ],
)
def test_files_are_called_as_what_they_hold_and_never_alike(names: list[str], files: list[str]) -> None:
    found = paths((("", Ref("Domain", name)) for name in names), KINDS)
    assert len({str(path).lower() for path in found.values()}) == len(names)
    stems = sorted(path.name.removesuffix(".yaml") for path in found.values())
    assert all(stem.startswith(start) for stem, start in zip(stems, sorted(files), strict=True))
    assert len({path.parent for path in found.values()}) == 1


def test_where_there_are_many_hosts_each_has_its_folder() -> None:
    found = paths([("hv1", Ref("Volume", "default/a.img")), ("hv2", Ref("Domain", "web"))], KINDS)
    assert sorted(map(str, found.values())) == ["hv1/volumes/default/a.img.yaml", "hv2/domains/web.yaml"]


def test_a_host_is_imported_by_name_and_then_the_rest_of_it(tmp_path: Path) -> None:
    settings = Settings(directory=tmp_path, state_dir=tmp_path, cache_dir=tmp_path / "cache", connect="test:///default")
    with pytest.raises(ReconcilerError, match="R305"):
        import_(settings, Selection(refs=(Ref("Domain", "none"),)), Wish(to=tmp_path), lambda done, whole: None)
    wish = Wish(to=tmp_path)
    first = import_(settings, Selection(refs=(Ref("Domain", "test"),)), wish, lambda done, whole: None)
    assert [item.path for item in first.items] == [tmp_path / "domains/test.yaml"]
    # What is declared is no more of everything; written anew it is where its manifest is the imported one.
    rest = import_(settings, Selection(), wish, lambda done, whole: None)
    assert Ref("Domain", "test") not in {item.ref for item in rest.items} and len(rest.items) == 2
    every = import_(settings, Selection(), replace(wish, overwrite=True), lambda done, whole: None)
    assert {item.result for item in every.items} == {Result.SAME} and len(every.items) == 3
