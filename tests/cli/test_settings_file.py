"""Where each setting comes from, and what is said about a wrong file."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.app.settings_file import SYSTEM_CACHE, SYSTEM_STATE, Given, resolve
from reconciler.errors import ReconcilerError
from reconciler.model.secrets import Grants


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("reconciler.app.settings_file.SYSTEM", tmp_path / "etc" / "config.yaml")


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def complaints(path: str, text: str) -> list[str]:
    write(path, text)
    with pytest.raises(ReconcilerError) as caught:
        resolve(Given(config=path), {}, root=True)
    assert caught.value.family.value == 64
    return [str(problem) for problem in caught.value.problems]


def test_without_any_file_the_defaults_hold():
    settings = resolve(Given(), {}, root=True)
    assert (settings.directory, settings.state_dir, settings.cache_dir) == (Path(), SYSTEM_STATE, SYSTEM_CACHE)
    assert (settings.connect, settings.owner, settings.parallelism, settings.lock_timeout) == (None, "", 10, 0)


def test_an_ordinary_user_has_state_and_cache_where_the_xdg_specification_says(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    settings = resolve(Given(), {"XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "not/absolute"}, root=False)
    assert settings.state_dir == Path("/s/reconciler")
    assert settings.cache_dir == Path("/home/ann/.cache/reconciler")


def test_the_cache_can_be_put_elsewhere_by_anybody():
    environment = {"RECONCILER_CACHE_DIR": "/elsewhere", "XDG_CACHE_HOME": "/x"}
    assert {resolve(Given(), environment, root=root).cache_dir for root in (True, False)} == {Path("/elsewhere")}


def test_every_key_of_the_file_is_heard():
    write(
        "reconciler.yaml",
        "source: desired\nconnect: test:///default\nstateDir: state\nowner: web\nparallelism: 3\nlockTimeout: 2m\n",
    )
    settings = resolve(Given(), {}, root=True)
    assert settings.directory == Path("desired")
    assert settings.state_dir == Path("state").absolute()
    assert (settings.connect, settings.owner, settings.parallelism, settings.lock_timeout) == (
        "test:///default",
        "web",
        3,
        120,
    )


def test_the_command_line_wins_over_the_environment_and_that_over_the_file():
    write("reconciler.yaml", "connect: file:///\nparallelism: 3\nlockTimeout: 2m\n")
    environment = {"LIBVIRT_DEFAULT_URI": "environment:///"}
    assert resolve(Given(), {}, root=True).connect == "file:///"
    assert resolve(Given(), environment, root=True).connect == "environment:///"
    given = resolve(Given(connect="line:///", parallelism=1, lock_timeout=0), environment, root=True)
    assert (given.connect, given.parallelism, given.lock_timeout) == ("line:///", 1, 0)


def test_the_file_lies_in_the_directory_that_is_named():
    write("there/reconciler.yaml", "owner: there\n")
    write("reconciler.yaml", "owner: here\n")
    assert resolve(Given(directory="there"), {}, root=True).owner == "there"


def test_a_file_beside_the_directory_counts_if_it_names_it():
    write("repo/reconciler.yaml", "source: desired\nowner: mine\n")
    write("repo/other/x.yaml", "")
    Path("repo/desired").mkdir()
    assert resolve(Given(directory="repo/desired"), {}, root=True).owner == "mine"
    assert resolve(Given(directory="repo/other"), {}, root=True).owner == ""


def test_the_system_file_is_the_last_resort():
    write("etc/config.yaml", "owner: system\nsource: /srv/desired\n")
    assert resolve(Given(), {}, root=True).directory == Path("/srv/desired")
    write("reconciler.yaml", "owner: repo\n")
    assert resolve(Given(), {}, root=True).owner == "repo"


def test_a_misspelt_key_is_answered_with_the_nearest_name():
    assert complaints("c.yaml", "owner: me\nparalelism: 4\n") == [
        "c.yaml:2:1: there is no setting 'paralelism'; did you mean parallelism? [R802]"
    ]


def test_everything_that_is_wrong_is_said_at_once():
    assert complaints("c.yaml", "parallelism: 0\nlockTimeout: soon\nowner: 7\n") == [
        "c.yaml:1:1: parallelism: wants a whole number from 1 to 1000 [R802]",
        "c.yaml:2:1: lockTimeout: 'soon' is not a duration such as 90s or 5m [R802]",
        "c.yaml:3:1: owner: wants text [R802]",
    ]


@pytest.mark.parametrize("text", ["- a\n", "a: 1\n---\nb: 2\n", "just text\n", "owner: [\n", "parallelism: true\n"])
def test_what_is_no_settings_file_is_refused(text):
    assert all("[R802]" in complaint for complaint in complaints("c.yaml", text))


def test_a_named_file_must_be_there():
    with pytest.raises(ReconcilerError, match="R802"):
        resolve(Given(config="nowhere.yaml"), {}, root=True)


def test_an_empty_file_says_nothing():
    write("reconciler.yaml", "# nothing yet\n")
    assert resolve(Given(), {}, root=True).owner == ""


GRANTS = (
    "secrets:\n  commands: [pass, [vault, kv, get]]\n  files: [/run/keys]\n  env: [VNC_*]\n  ageKeyFile: /etc/age\n"
)


def test_what_manifests_may_name_is_granted_by_the_machines_settings_and_by_those_that_are_named():
    granted = Grants(
        commands=(("pass",), ("vault", "kv", "get")), files=("/run/keys",), env=("VNC_*",), age_key_file="/etc/age"
    )
    write("state/reconciler.yaml", GRANTS)
    assert resolve(Given(directory="state", config="state/reconciler.yaml"), {}, root=True).grants == granted
    write("etc/config.yaml", GRANTS)
    write("other/web.yaml", "")
    assert resolve(Given(directory="other"), {}, root=True).grants == granted


@pytest.mark.parametrize("place", ["tree/state/reconciler.yaml", "tree/reconciler.yaml"])
def test_those_who_commit_manifests_grant_themselves_nothing(place):
    write("tree/.git/HEAD", "")
    write("tree/state/web.yaml", "")
    write(place, f"source: {'state' if place == 'tree/reconciler.yaml' else '.'}\n{GRANTS}")
    settings = resolve(Given(directory="tree/state"), {}, root=True)
    assert settings.grants == Grants(ignored=place if place.startswith("tree/state") else str(Path(place).absolute()))


def test_a_settings_file_in_the_tree_does_not_hide_what_the_machine_grants():
    write("etc/config.yaml", "secrets: {env: [A]}\n")
    write("state/reconciler.yaml", "owner: us\n")
    assert resolve(Given(directory="state"), {}, root=True).grants == Grants(env=("A",))
    write("state/reconciler.yaml", "owner: us\nsecrets: {env: [B]}\n")
    assert resolve(Given(directory="state"), {}, root=True).grants == Grants(
        env=("A",), ignored="state/reconciler.yaml"
    )


def test_a_settings_file_beside_a_tree_that_is_no_repository_grants():
    write("reconciler.yaml", f"source: state\n{GRANTS}")
    write("state/web.yaml", "")
    assert resolve(Given(), {}, root=True).grants.env == ("VNC_*",)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("[pass]", "wants a mapping"),
        ("{comands: []}", "there is no 'comands'"),
        ("{files: [keys]}", "files wants absolute paths"),
        ("{commands: [[]]}", "commands wants texts"),
        ("{env: A}", "env wants a list"),
    ],
)
def test_a_wrong_grant_is_told(value, complaint):
    assert complaint in complaints("c.yaml", f"secrets: {value}\n")[0]


def test_credentials_for_images_are_read_where_they_are_kept(tmp_path, monkeypatch):
    from reconciler.app.wiring import _authorization

    (tmp_path / "password").write_text("hush\n")
    monkeypatch.setenv("TOKEN", "psst")
    write(
        "etc/config.yaml",
        f"images:\n  ca: /etc/ca.pem\n  cacheSize: 50GiB\n  maxSize: 2GiB\n  credentials:\n"
        f"    a.example: {{token: {{env: TOKEN}}}}\n"
        f"    b.example: {{user: me, password: {{file: {tmp_path}/password}}}}\n"
        "    c.example: {token: {command: [printf, '%s', tsk]}}\n",
    )
    images = resolve(Given(directory="desired"), {}, root=True).images
    assert (images.ca, images.room, images.limit) == ("/etc/ca.pem", 50 << 30, 2 << 30)
    assert _authorization(images, "a.example") == "Bearer psst"
    assert _authorization(images, "b.example") == "Basic bWU6aHVzaA=="
    assert _authorization(images, "c.example") == "Bearer tsk"
    assert _authorization(images, "d.example") == ""


def test_those_who_commit_manifests_do_not_say_whom_a_password_is_shown_to():
    given = Given(directory="desired")
    write("etc/config.yaml", "images: {cacheSize: 1GiB}\n")
    write("desired/reconciler.yaml", "owner: me\n")
    assert resolve(given, {}, root=True).images.room == 1 << 30
    write("desired/reconciler.yaml", "images: {credentials: {evil.example: {token: {env: TOKEN}}}}\n")
    with pytest.raises(ReconcilerError, match=r"reconciler.yaml:1:1: images is not for a file of the repository"):
        resolve(given, {}, root=True)
    assert "evil.example" in resolve(Given(config="desired/reconciler.yaml"), {}, root=True).images.logins


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("all", "wants a mapping"),
        ("{cache: 1GiB}", "there is no 'cache'"),
        ("{ca: ca.pem}", "absolute"),
        ("{cacheSize: much}", "cacheSize"),
        ("{credentials: {a: {token: hush}}}", "say where the value is"),
        ("{credentials: {a: {password: {env: X}}}}", "a token, or a user and a password"),
        ("{credentials: {a: {token: {sops: x, key: z}}}}", "say where the value is"),
    ],
)
def test_what_is_wrong_with_the_setting_of_images_is_told(text, complaint):
    (found,) = complaints("named.yaml", f"images: {text}\n")
    assert complaint in found and "hush" not in found


@pytest.mark.parametrize("key", ["base: ../base", "values: more.yaml"])
def test_what_a_desired_state_says_of_itself_stands_beside_its_documents(key):
    write("state/reconciler.yaml", f"{key}\n")
    assert resolve(Given(directory="state"), {}, root=True).directory == Path("state")
    write("reconciler.yaml", f"source: state\n{key}\n")
    with pytest.raises(ReconcilerError) as caught:
        resolve(Given(), {}, root=True)
    [problem] = caught.value.problems
    assert (problem.number, problem.where) == ("R802", "reconciler.yaml")
    assert "state/reconciler.yaml" in problem.message


@pytest.mark.parametrize("path", ["/etc", "[a, /etc]", "[1]", "''"])
def test_a_base_is_named_from_the_directory(path):
    assert "base: wants" in complaints("reconciler.yaml", f"base: {path}\n")[0]


def test_values_of_the_command_line_are_files():
    assert resolve(Given(values=("a.yaml", "b.yaml")), {}, root=True).values == (Path("a.yaml"), Path("b.yaml"))
