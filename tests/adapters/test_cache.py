"""The cache: shared by processes, and never in the way."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from reconciler.adapters.cache import FILE_NAME, KEEP_DAYS, SqliteCache


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[SqliteCache]:
    opened = SqliteCache(tmp_path / "deep" / "cache")
    yield opened
    opened.close()


def file_of(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache" / FILE_NAME


def reopened(tmp_path: Path) -> SqliteCache:
    return SqliteCache(tmp_path / "deep" / "cache")


def test_what_was_put_is_found_by_the_next_run(cache: SqliteCache, tmp_path: Path) -> None:
    cache.put("t", {"a": "1", "b": "ä\n\0"})
    cache.put("u", {"a": "2"})
    cache.close()
    again = reopened(tmp_path)
    assert again.get("t", ["a", "b", "c"]) == {"a": "1", "b": "ä\n\0"}
    assert again.get("u", iter(["a"])) == {"a": "2"}
    again.close()


def test_a_row_can_be_written_again(cache: SqliteCache) -> None:
    cache.put("t", {"a": "1"})
    cache.put("t", {"a": "2"})
    assert cache.get("t", ["a"]) == {"a": "2"}


def test_more_keys_than_one_statement_takes_are_found(cache: SqliteCache) -> None:
    rows = {str(number): str(number) for number in range(5000)}
    cache.put("t", rows)
    assert cache.get("t", rows) == rows


def test_nothing_is_made_where_nothing_is_asked(tmp_path: Path) -> None:
    cache = reopened(tmp_path)
    assert cache.get("t", []) == {}
    cache.put("t", {})
    assert list(tmp_path.iterdir()) == []


def test_the_directory_is_private(cache: SqliteCache, tmp_path: Path) -> None:
    cache.put("t", {"a": "1"})
    assert file_of(tmp_path).parent.stat().st_mode & 0o777 == 0o700


def test_a_directory_that_others_can_write_to_is_not_trusted(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    cache = SqliteCache(tmp_path)
    cache.put("t", {"a": "1"})
    assert cache.get("t", ["a"]) == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("garbage", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_broken_file_is_an_empty_cache_and_a_fresh_one_next_time(tmp_path: Path, garbage: bytes) -> None:
    file_of(tmp_path).parent.mkdir(parents=True)
    file_of(tmp_path).write_bytes(garbage)
    broken = reopened(tmp_path)
    assert broken.get("t", ["a"]) == {}
    broken.put("t", {"a": "1"})
    mended = reopened(tmp_path)
    mended.put("t", {"a": "1"})
    assert mended.get("t", ["a"]) == {"a": "1"}
    mended.close()


def test_a_place_that_cannot_be_a_directory_is_an_empty_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = SqliteCache(tmp_path / "file" / "cache")
    cache.put("t", {"a": "1"})
    assert cache.get("t", ["a"]) == {}


def test_a_file_locked_by_another_is_an_empty_cache(
    cache: SqliteCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.adapters.cache.PATIENCE_SECONDS", 0.01)
    cache.put("t", {"a": "1"})
    cache.close()
    other = sqlite3.connect(file_of(tmp_path), isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    late = reopened(tmp_path)
    late.put("t", {"b": "2"})
    assert late.get("t", ["a"]) == {}
    other.close()
    assert file_of(tmp_path).exists()
    again = reopened(tmp_path)
    assert again.get("t", ["a", "b"]) == {"a": "1"}
    again.close()


def age(tmp_path: Path, days: int) -> None:
    with sqlite3.connect(file_of(tmp_path)) as connection:
        connection.execute("UPDATE results SET used = used - ? WHERE key = 'old'", (days,))
    connection.close()


def test_rows_that_nobody_used_for_long_are_dropped(cache: SqliteCache, tmp_path: Path) -> None:
    cache.put("t", {"old": "1", "new": "2"})
    cache.close()
    age(tmp_path, KEEP_DAYS + 1)
    with sqlite3.connect(file_of(tmp_path)) as connection:
        connection.execute("UPDATE results SET used = used - 1 WHERE key = 'new'")
    connection.close()
    again = reopened(tmp_path)
    assert again.get("t", ["new"]) == {"new": "2"}
    assert again.get("t", ["old"]) == {}
    again.close()


def test_a_row_in_use_stays_young(cache: SqliteCache, tmp_path: Path) -> None:
    cache.put("t", {"old": "1"})
    cache.close()
    age(tmp_path, KEEP_DAYS - 1)
    again = reopened(tmp_path)
    assert again.get("t", ["old"]) == {"old": "1"}
    again.close()
    with sqlite3.connect(file_of(tmp_path)) as connection:
        (used,) = connection.execute("SELECT used FROM results").fetchone()
    connection.close()
    assert used == again._today


def test_threads_share_one_cache(cache: SqliteCache) -> None:
    def work(number: int) -> None:
        for step in range(20):
            cache.put("t", {f"{number}-{step}": "x"})
            cache.get("t", [f"{number}-{step}"])

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache.get("t", [f"{number}-{step}" for number in range(4) for step in range(20)])) == 80


WRITER = """
import sys
from pathlib import Path
from reconciler.adapters.cache import SqliteCache
cache = SqliteCache(Path(sys.argv[1]))
for number in range(50):
    cache.put("t", {f"{sys.argv[2]}-{number}": "x" * 1000})
"""


def test_processes_share_one_cache(cache: SqliteCache, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "deep" / "cache")]
    processes = [subprocess.Popen([*command, str(number)]) for number in range(3)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    assert len(cache.get("t", [f"{number}-{step}" for number in range(3) for step in range(50)])) == 150
