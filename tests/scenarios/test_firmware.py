"""What lies beside a machine's definition: firmware settings and the state of its TPM, on a real host."""

import shutil

import pytest

from tests.scenarios.live import document

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not shutil.which("swtpm"), reason="swtpm is not installed"),
]

CODE, VARS = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"


def machine(settings, template=VARS, **more):
    firmware = {
        "loader": CODE,
        "loaderType": "pflash",
        "loaderReadonly": True,
        "nvram": str(settings),
        "nvramTemplate": template,
    }
    shutdown = {"timeout": "1s", "force": True}
    return document(
        "web", type="qemu", machine="q35", memory="64MiB", firmware=firmware, shutdown=shutdown, power="stopped", **more
    )


def tpm(lab, host):
    return host.home.directory / "lib/swtpm" / lab.domain("web").UUIDString()


@pytest.mark.proves("Domain", "os/nvram@template")
@pytest.mark.parametrize("policy", ["retain", "delete"])
def test_settings_outlive_another_template_and_go_only_as_the_document_says(lab, host, tmp_path, policy):
    settings = tmp_path / "web.fd"
    more = {"tpm": {"backend": "emulator"}, "deletionPolicy": policy}
    running = machine(settings, **more).replace('"stopped"', '"running"')
    lab.converge(running)
    assert lab.xml("web").find("devices/tpm/backend").get("version") == "2.0"
    lab.converge(machine(settings, **more))
    state = tpm(lab, host)
    before = settings.stat().st_ino, settings.read_bytes()
    assert list(state.rglob("*permall"))
    lab.write(machine(settings, template=VARS.replace(".fd", ".ms.fd"), **more))
    (change,) = lab.plan()["changes"]
    assert [field["path"] for field in change["fields"]] == ["firmware.nvramTemplate"]
    lab.converge()
    assert (settings.stat().st_ino, settings.read_bytes()) == before
    lab.write(document("other", type="qemu", memory="64MiB", power="stopped"))
    (gone,) = [change for change in lab.plan()["changes"] if change["action"] == "delete"]
    after = None if policy == "delete" else "stays"
    told = {field["path"]: (field["before"], field["after"]) for field in gone["fields"]}
    assert told == {"firmware.nvram": (str(settings), after), "tpm.state": ("present", after)}
    lab.apply("--allow", "delete")
    assert settings.exists() is (policy == "retain") and bool(list(state.rglob("*permall"))) is (policy == "retain")


@pytest.mark.proves("Domain", "devices/tpm/backend@version", "devices/tpm/backend/encryption*")
def test_a_tpm_is_not_emptied_without_permission(lab):
    one = document("web", type="qemu", memory="64MiB", power="stopped", tpm={"model": "tpm-tis", "version": "1.2"})
    lab.converge(one)
    lab.write(one.replace("1.2", "2.0"))
    (change,) = lab.plan()["changes"]
    assert change["blocked"]["allow"] == "replace" and "empty TPM" in change["blocked"]["reason"]
    lab.apply(code=73)
    assert lab.xml("web").find("devices/tpm/backend").get("version") == "1.2"
    lab.converge(None, "--allow", "replace")
    assert lab.xml("web").find("devices/tpm/backend").get("version") == "2.0"
