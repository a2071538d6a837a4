"""Images from files and from a web server that misbehaves."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from reconciler.adapters.image_download import Web as Terms
from reconciler.adapters.images import LocalImages
from reconciler.app.desired import NoCache
from reconciler.errors import ReconcilerError, trouble
from reconciler.ports import ContentSource
from tests.adapters.web import Web, serve

MIB = 1 << 20
CONTENT = bytes(range(256)) * 4096 + os.urandom(4096) + b"\0" * 300_000
PACKERS = {
    "none": lambda data: data,
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def said(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def quiet(what: str, done: int, total: int) -> None:
    return None


@pytest.fixture
def web() -> Iterator[Web]:
    found = Web()
    server = serve(found)
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "images"


@pytest.fixture
def images(kept: Path, tmp_path: Path) -> LocalImages:
    return LocalImages(kept, tmp_path, NoCache(), Terms(backoff=0.01))


def content(images: LocalImages, source: ContentSource, watch=quiet) -> bytes:
    with images.opened(source, watch) as found:
        read = b"".join(iter(lambda: found.read(100_000), b""))
        assert len(read) == found.length
        return read


def page(web: Web, data: bytes, path: str = "/image", **more: object) -> ContentSource:
    web.files[path] = data
    return ContentSource(url=web.url(path), **{"digest": said(data), **more})


def refused(images: LocalImages, source: ContentSource, number: str) -> str:
    with pytest.raises(ReconcilerError) as error:
        content(images, source)
    assert [problem.number for problem in error.value.problems] == [number]
    return str(error.value)


@pytest.mark.parametrize("named", [True, False], ids=["named", "by its first bytes"])
@pytest.mark.parametrize("packing", PACKERS)
def test_what_is_packed_comes_out_as_it_went_in(images: LocalImages, web: Web, packing: str, named: bool) -> None:
    packed = PACKERS[packing](CONTENT)
    source = page(web, packed, compression=packing if named else "", content_digest=said(CONTENT, "sha512"))
    assert content(images, source) == CONTENT


@pytest.mark.parametrize("packing", ["gzip", "xz", "bzip2", "zstd"])
def test_several_streams_in_a_row_are_one(images: LocalImages, web: Web, packing: str) -> None:
    pack = PACKERS[packing]
    packed = b"".join(pack(CONTENT[at : at + 10_000]) for at in range(0, len(CONTENT), 10_000))
    assert content(images, page(web, packed)) == CONTENT


def test_a_file_is_fetched_once_and_read_from_there(images: LocalImages, web: Web, kept: Path) -> None:
    source = page(web, CONTENT)
    assert content(images, source) == content(images, source) == CONTENT
    assert web.count == 1
    assert [path.name for path in kept.iterdir() if path.suffix != ".lock"] == [source.digest.replace(":", "-")]


def test_two_at_once_fetch_once(images: LocalImages, web: Web) -> None:
    source = page(web, CONTENT)
    web.pause = 0.02
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda: found.append(content(images, source))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [CONTENT] * 3
    assert web.count == 1


def test_a_connection_that_breaks_is_taken_up_where_it_broke(images: LocalImages, web: Web) -> None:
    source = page(web, CONTENT)
    web.cut = [200_000, 300_000]
    assert content(images, source) == CONTENT
    assert [wanted for _, wanted, _ in web.asked] == ["", "bytes=200000-", "bytes=500000-"]


def test_a_connection_that_breaks_begins_anew_where_the_server_has_no_ranges(images: LocalImages, web: Web) -> None:
    source = page(web, CONTENT)
    web.cut, web.ranges = [200_000], False
    assert content(images, source) == CONTENT


def test_a_server_that_always_breaks_off_is_given_up_and_what_came_is_kept(
    images: LocalImages, web: Web, kept: Path
) -> None:
    source = page(web, CONTENT)
    web.cut = [100_000, *[0] * 50]
    refused(images, source, "R620")
    (part,) = kept.glob("*.part")
    assert part.stat().st_size == 100_000 and web.count < 10
    web.cut = []
    asked = web.count
    assert content(images, source) == CONTENT
    assert web.asked[asked][1] == "bytes=100000-"


def test_what_was_all_there_before_a_kill_is_not_fetched_again(images: LocalImages, web: Web, kept: Path) -> None:
    source = page(web, CONTENT)
    kept.mkdir(parents=True)
    (kept / f"{source.digest.replace(':', '-')}.part").write_bytes(CONTENT)
    assert content(images, source) == CONTENT
    assert web.count == 1


def test_a_file_that_changes_while_it_is_fetched_in_pieces_is_fetched_whole(images: LocalImages, web: Web) -> None:
    source = page(web, CONTENT)
    other = bytes(reversed(CONTENT))
    web.tag = ""
    web.files["/image"], web.cut = other, [200_000]
    web.during = lambda: web.files.update({"/image": CONTENT})
    assert content(images, source) == CONTENT


def test_a_wrong_digest_names_both_and_leaves_nothing(images: LocalImages, web: Web, kept: Path) -> None:
    source = page(web, CONTENT, digest=said(b"other"))
    message = refused(images, source, "R621")
    assert said(b"other") in message and said(CONTENT) in message
    assert [path for path in kept.iterdir() if path.suffix != ".lock"] == []


def test_a_wrong_digest_of_the_content_is_told_as_well(images: LocalImages, web: Web) -> None:
    message = refused(images, page(web, gzip.compress(CONTENT), content_digest=said(b"other")), "R621")
    assert said(b"other") in message and said(CONTENT) in message


@pytest.mark.parametrize("status", [404, 403, 410])
def test_an_answer_that_says_no_is_told_without_trying_again(images: LocalImages, web: Web, status: int) -> None:
    source = page(web, CONTENT)
    web.failures = [status] * 3
    assert str(status) in refused(images, source, "R620")
    assert web.count == 1


def test_a_server_that_is_busy_is_asked_again(images: LocalImages, web: Web) -> None:
    source = page(web, CONTENT)
    web.failures = [503, 429, 500]
    assert content(images, source) == CONTENT


def test_redirects_are_followed_but_not_for_ever(images: LocalImages, web: Web) -> None:
    source = page(web, CONTENT)
    web.redirects = {"/a": web.url("/b"), "/b": web.url("/image"), "/c": web.url("/c")}
    followed = ContentSource(url=web.url("/a"), digest=source.digest)
    assert content(images, followed) == CONTENT
    asked = web.count
    refused(images, ContentSource(url=web.url("/c"), digest=said(b"c")), "R620")
    assert web.count - asked <= 6


def test_a_server_that_is_not_there_is_told(images: LocalImages) -> None:
    message = refused(images, ContentSource(url="http://127.0.0.1:9/x?token=hush", digest=said(b"")), "R620")
    assert "127.0.0.1:9/x" in message and "hush" not in message


def test_a_proxy_of_the_environment_is_used(images: LocalImages, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", web.url(""))
    monkeypatch.delenv("no_proxy", raising=False)
    web.files["http://images.invalid/image"] = CONTENT
    source = ContentSource(url="http://images.invalid/image", digest=said(CONTENT))
    assert content(images, source) == CONTENT


def test_what_authorises_is_not_sent_without_encryption(kept: Path, tmp_path: Path, web: Web) -> None:
    terms = Terms(authorization=lambda host: "Bearer hush", backoff=0.01)
    source = page(web, CONTENT)
    assert content(LocalImages(kept, tmp_path, NoCache(), terms), source) == CONTENT
    assert web.asked[0][2] == ""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine that no authority knows, with its key."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    command = ["openssl", "req", "-x509", *kind, *names, "-keyout", path, "-out", path.with_suffix(".crt")]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[Web]:
    found = Web()
    server = serve(found, certificate)
    yield found
    server.shutdown()
    server.server_close()


def test_a_certificate_that_nobody_vouches_for_is_refused_and_one_of_a_private_authority_is_not(
    images: LocalImages, secure: Web, certificate: Path, kept: Path, tmp_path: Path
) -> None:
    source = page(secure, CONTENT)
    assert "ertificate" in refused(images, source, "R620")
    trusting = LocalImages(kept, tmp_path, NoCache(), Terms(ca=str(certificate)))
    assert content(trusting, source) == CONTENT


def test_what_authorises_goes_to_its_host_alone(
    secure: Web, web: Web, certificate: Path, kept: Path, tmp_path: Path
) -> None:
    def authorise(host: str) -> str:
        return "Bearer hush" if host == "127.0.0.1" else ""

    terms = Terms(ca=str(certificate), authorization=authorise, backoff=0.01)
    images = LocalImages(kept, tmp_path, NoCache(), terms)
    assert content(images, page(secure, CONTENT)) == CONTENT
    assert secure.asked[0][2] == "Bearer hush"
    # Neither to another name, nor where a redirect leads without encryption.
    other = CONTENT + b"."
    secure.redirects = {"/there": web.url("/image")}
    page(web, other)
    assert content(images, ContentSource(url=secure.url("/there"), digest=said(other))) == other
    assert web.asked[0][2] == ""
    secure.host = "localhost"
    assert content(images, page(secure, other + b".", "/more")) == other + b"."
    assert secure.asked[-1][2] == ""


def test_somebody_who_stops_leaves_what_has_come(images: LocalImages, web: Web, kept: Path) -> None:
    source = page(web, CONTENT + os.urandom(3 * MIB))

    def stop(what: str, done: int, total: int) -> None:
        raise trouble("R509", f"{what} {done} of {total}")

    with pytest.raises(ReconcilerError, match=f"fetching {MIB} of {len(web.files['/image'])}"):
        content(images, source, stop)
    assert [path.suffix for path in kept.iterdir()].count(".part") == 1


# Packed to do harm


@pytest.mark.parametrize("packing", ["gzip", "xz", "bzip2", "zstd"])
def test_what_is_larger_inside_than_it_may_be_is_refused(images: LocalImages, web: Web, packing: str) -> None:
    packed = PACKERS[packing](bytes(64 * MIB))
    assert len(packed) < MIB
    assert "larger" in refused(images, page(web, packed, limit=8 * MIB), "R623")


def test_what_is_larger_than_it_may_be_is_not_fetched_to_its_end(images: LocalImages, web: Web, kept: Path) -> None:
    refused(images, page(web, os.urandom(6 * MIB), limit=2 * MIB), "R623")
    assert sum(path.stat().st_size for path in kept.iterdir()) < 4 * MIB


@pytest.mark.parametrize("packing", ["gzip", "xz", "bzip2"])
def test_what_ends_in_the_middle_is_refused(images: LocalImages, web: Web, packing: str) -> None:
    assert "cannot be unpacked" in refused(images, page(web, PACKERS[packing](CONTENT)[:-20]), "R623")


@pytest.mark.parametrize("packing", ["gzip", "xz", "bzip2", "zstd"])
def test_what_is_not_packed_as_was_said_is_refused(images: LocalImages, web: Web, packing: str) -> None:
    assert "cannot be unpacked" in refused(images, page(web, CONTENT, compression=packing), "R623")


def test_an_archive_that_wants_too_much_memory_is_refused(images: LocalImages, web: Web) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 512 * MIB, "mode": lzma.MODE_FAST, "mf": lzma.MF_HC3, "depth": 1}]
    packed = bytearray(lzma.compress(CONTENT[:1000], filters=[{**filters[0], "dict_size": MIB}]))
    # The size of the dictionary stands behind the filter's number and the length of its properties (.xz format, 5.3.1).
    at = packed.index(b"\x21\x01") + 2
    packed[at] = 36
    import zlib

    end = 12 + (packed[12] + 1) * 4
    packed[end - 4 : end] = zlib.crc32(packed[12 : end - 4]).to_bytes(4, "little")
    assert "emory" in refused(images, page(web, bytes(packed)), "R623")


# Files of this machine


def test_a_file_is_found_from_the_directory_of_the_desired_state(images: LocalImages, tmp_path: Path) -> None:
    (tmp_path / "disk.img.xz").write_bytes(lzma.compress(CONTENT))
    assert content(images, ContentSource(path="disk.img.xz")) == CONTENT
    assert content(images, ContentSource(path=str(tmp_path / "disk.img.xz"))) == CONTENT


def test_a_file_that_is_not_there_is_told(images: LocalImages) -> None:
    assert "none.img" in refused(images, ContentSource(path="none.img"), "R401")


def test_a_file_that_changes_between_two_looks_is_not_taken(images: LocalImages, tmp_path: Path) -> None:
    path = tmp_path / "disk.img"
    path.write_bytes(CONTENT)
    with (
        pytest.raises(ReconcilerError, match="has changed while it was read"),
        images.opened(ContentSource(path="disk.img"), quiet) as found,
    ):
        path.write_bytes(CONTENT[:-1] + b"!")
        while found.read(MIB):
            pass


# What is kept


def test_what_was_not_used_for_longest_goes_first(kept: Path, tmp_path: Path, web: Web) -> None:
    images = LocalImages(kept, tmp_path, NoCache(), Terms(), room=2_500_000)
    first, second, third = (page(web, os.urandom(MIB), f"/{number}") for number in range(3))
    for source in (first, second):
        content(images, source)
        os.utime(kept / source.digest.replace(":", "-"), (1_000_000, 1_000_000))
    content(images, first)
    content(images, third)
    names = {path.name for path in kept.iterdir() if path.suffix != ".lock"}
    assert names == {source.digest.replace(":", "-") for source in (first, third)}


def test_a_file_is_measured_once_for_as_long_as_it_is_the_same(kept: Path, tmp_path: Path) -> None:
    from reconciler.adapters.cache import SqliteCache

    images = LocalImages(kept, tmp_path, SqliteCache(tmp_path / "cache"), Terms())
    path = tmp_path / "disk.img"
    path.write_bytes(CONTENT)
    seen: list[str] = []
    source = ContentSource(path="disk.img", digest=said(CONTENT))
    for expected in (["checking"], ["checking"]):
        content(images, source, lambda what, done, total: seen.append(what))
        assert list(dict.fromkeys(seen)) == expected
    checked = len(seen)
    content(images, source, lambda what, done, total: seen.append(what))
    assert len(seen) == checked
    path.write_bytes(CONTENT[:-1] + b"!")
    os.utime(path, (1, 1))
    refused(images, source, "R621")
