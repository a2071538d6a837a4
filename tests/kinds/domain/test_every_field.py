"""Each field of a machine, on real libvirt: what is asked for is stored, read back, imported, and nothing is left."""

import json
from pathlib import Path

import jsonschema
import pytest

from reconciler import grammar, shapes
from reconciler.kinds import PROFILE
from reconciler.kinds.domain import KIND, devices
from tests.kinds.domain.machines import differences, examples, merged, nested, observed, parsed, rendered

SCHEMA = Path("/usr/share/libvirt/schemas/domain.rng")
# What a field needs beside it to mean anything.
BESIDE = {
    "cpu.fallback": {"cpu": {"model": "Nehalem"}},
    "cpu.match": {"cpu": {"model": "Nehalem"}},
    "cpu.check": {"cpu": {"model": "Nehalem"}},
    "cpu.migratable": {"cpu": {"mode": "host-passthrough"}},
    "cpu.cache.mode": {"cpu": {"mode": "host-passthrough"}},
    "cpu.cache.level": {"cpu": {"mode": "maximum", "cache": {"mode": "emulate"}}},
    "cpu.physicalAddress.mode": {"cpu": {"physicalAddress": {"bits": 42}}},
    "cpu.features": {"cpu": {"model": "Nehalem"}},
    "cpu.numa": {"vcpus": 4, "memory": "4GiB"},
    "memory.hotplug.max": {"memory": {"max": "1GiB", "hotplug": {"slots": 4}}},
    "memory.hotplug.slots": {"vcpus": 2, "memory": {"max": "1GiB", "hotplug": {"max": "4GiB"}}},
    "memory.modules": {"vcpus": 2, "memory": {"max": "1GiB", "hotplug": {"max": "8GiB", "slots": 4}}},
    "memory.hugepages.nodeset": {
        "vcpus": 1,
        "memory": {"max": "1GiB", "hugepages": {"pageSize": "2MiB"}},
        "cpu": {"numa": [{"id": 0, "cpus": "0", "memory": "1GiB"}]},
    },
    "firmware.loaderType": {"firmware": {"loader": "/usr/share/OVMF/OVMF_CODE_4M.fd"}},
    "firmware.loaderReadonly": {"firmware": {"loader": "/usr/share/OVMF/OVMF_CODE_4M.fd", "loaderType": "pflash"}},
    "firmware.loaderSecure": {
        "firmware": {"loader": "/usr/share/OVMF/OVMF_CODE_4M.fd", "loaderType": "pflash", "loaderReadonly": True}
    },
    "firmware.nvramTemplate": {
        "firmware": {"loader": "/usr/share/OVMF/OVMF_CODE_4M.fd", "loaderType": "pflash", "loaderReadonly": True}
    },
    "cputune.iothreadPins": {"iothreads": 1},
    "numatune.mode": {"numatune": {"nodeset": "0"}},
    "numatune.placement": {"numatune": {"nodeset": "0"}},
    "numatune.cells": {"vcpus": 1, "memory": "1GiB", "cpu": {"numa": [{"id": 0, "cpus": "0", "memory": "1GiB"}]}},
}
# An entry with every field at once can be more than libvirt takes.
INSTEAD = {
    "health.probes": [{"agent": True}, {"http": "http://{address}/", "status": 200}],
    "clock.timers": [
        {"name": "rtc", "tickpolicy": "catchup", "track": "guest"},
        {"name": "pit", "tickpolicy": "delay"},
        {"name": "hpet", "present": False},
        {"name": "tsc", "frequency": 2400000000, "mode": "native"},
    ],
}
# Only other processors or other hosts have these; libvirt's schema has to do.
ELSEWHERE = {"features.gic", "features.hpt", "features.htm", "features.nestedHv", "features.ccfAssist", "emulator"}
# Devices have tests of their own, and so have the seeds of machines.
DEVICES = {"cloudInit", "ignition", *(node.name for node in devices.DEVICES)}
ALL = [
    pytest.param(
        ".".join(path), merged(BESIDE.get(".".join(path), {}), nested(path, INSTEAD.get(".".join(path), value)))
    )
    for path, value in examples(KIND.fields)
    if path[0] not in DEVICES and path[0] not in ("type", "xml")
]


def case_id(value):
    return value if isinstance(value, str) else ""


@pytest.fixture(scope="module")
def schema():
    return grammar.Schema(str(SCHEMA))


@pytest.mark.parametrize(("path", "body"), ALL, ids=case_id)
def test_an_example_is_a_valid_document(path, body):
    jsonschema.validate(body, shapes.schema(KIND.fields))


@pytest.mark.parametrize(("path", "body"), ALL, ids=case_id)
def test_what_is_rendered_is_what_libvirts_schema_knows(path, body, schema):
    assert schema.complaint(rendered(body)) is None


@pytest.mark.parametrize(("path", "body"), [case for case in ALL if case.values[0] not in ELSEWHERE], ids=case_id)
def test_after_a_create_nothing_differs_and_an_import_claims_the_same(path, body, oracle):
    spec = parsed(body)
    stored = oracle.stored(KIND.render(spec, None, ()))
    seen = observed(stored, running=True, autostart="yes")
    power = [diff for diff in differences(spec, seen) if diff.address == "!power"]
    assert list(differences(spec, seen)) == power
    imported = KIND.dump({**KIND.read(stored), **seen.facts})
    assert differences(parsed(imported), seen) == ()
    assert "xml" not in imported, imported["xml"]


@pytest.mark.parametrize(("path", "body"), ALL, ids=case_id)
def test_asking_again_renders_the_same(path, body):
    assert rendered(body) == rendered(json.loads(json.dumps(body)))


def test_a_profile_holds_the_fields_of_a_domain_and_none_of_them_is_required():
    schema = shapes.schema(PROFILE.fields)
    assert "required" not in schema
    assert set(schema["properties"]) == set(shapes.schema(KIND.fields)["properties"])
