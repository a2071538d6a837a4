"""Seeds as bytes: the same whenever and wherever they are built, and readable by others."""

import hashlib
import shutil
import subprocess
import sys

import pytest
import yaml

from reconciler import seeds

FILES = {"user-data": "#cloud-config\n{}\n", "meta-data": "instance-id: a\n", "network-config": "version: 2\n"}
# Another moment, another place, another language: what a library might take from its surroundings.
BUILD = """
import sys, time
from reconciler import seeds
real = time.time
time.time = lambda: real() + 1e8
sys.stdout.buffer.write(seeds.iso({files!r}))
"""


def test_equal_input_gives_equal_bytes_whatever_the_clock_the_zone_and_the_language():
    environment = {"TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8", "USER": "other", "PYTHONPATH": ":".join(sys.path)}
    other = subprocess.run(
        [sys.executable, "-c", BUILD.format(files=FILES)], capture_output=True, check=True, env=environment
    ).stdout
    assert other == seeds.iso(FILES)
    assert seeds.iso(dict(reversed(FILES.items()))) == seeds.iso(FILES)


def test_the_bytes_are_those_of_the_last_release():
    # Another digest means that every library version and every release of ours makes another image: say so there.
    assert hashlib.sha256(seeds.iso(FILES)).hexdigest() == DIGEST


DIGEST = "9fc3429023ad4527c5fb435c4543e7f893353de3f211e81c08bafeaa7d15427f"


def test_other_input_gives_other_bytes():
    assert seeds.iso({**FILES, "user-data": "#cloud-config\n{ }\n"}) != seeds.iso(FILES)


def test_s40_others_find_the_label_and_exactly_these_files(tmp_path):
    image = tmp_path / "seed.iso"
    long = {**FILES, "user-data": "#!/bin/sh\n" + "# längere Zeile\n" * 9000}
    image.write_bytes(seeds.iso(long))
    blkid = shutil.which("blkid", path="/usr/sbin:/sbin:/usr/bin:/bin")
    shown = subprocess.run([blkid, "-p", "-o", "export", image], capture_output=True, text=True, check=True).stdout
    assert "LABEL=cidata" in shown.splitlines() and "TYPE=iso9660" in shown.splitlines()
    target = tmp_path / "out"
    command = ["xorriso", "-osirrox", "on", "-indev", image, "-extract", "/", target]
    subprocess.run(command, capture_output=True, check=True)
    assert {path.name: path.read_text() for path in target.iterdir()} == long


@pytest.mark.parametrize("value", [{"b": 1, "a": ["x: y", "é", "two\nlines", "1e5", True, None]}, {}, []])
def test_what_is_no_text_is_written_as_yaml_in_its_order(value):
    written = seeds.text_of(value, header="#cloud-config\n")
    assert written.startswith("#cloud-config\n")
    assert yaml.safe_load(written) == value
    if value:
        assert list(yaml.safe_load(written)) == list(value)


def test_a_text_is_given_as_it_is():
    assert seeds.text_of("#!/bin/sh\n\techo  hi", header="#cloud-config\n") == "#!/bin/sh\n\techo  hi"


def test_yaml_that_is_none_is_told_by_its_line():
    assert seeds.parsed("a: 1\nb: ]")[1].startswith("is not valid YAML at its line 2")
    assert seeds.parsed("a: 1") == ({"a": 1}, "")
