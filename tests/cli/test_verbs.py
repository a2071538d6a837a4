"""Each verb over an app without hosts: what it says, in text and in JSON, and how it ends."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from reconciler.app.import_ import Imported, Item, Result, Wish
from reconciler.app.settings import Selection, Settings
from reconciler.errors import ManifestError, Problem, trouble
from reconciler.model.plans import Allow, Condition, Disruption, FieldChange
from reconciler.model.refs import Ref
from tests.cli.examples import (
    DIGEST,
    EMPTY,
    FULL,
    UNREACHABLE,
    WEB,
    Applied,
    applying,
    doomed,
    plan,
    planning,
    volume,
    web,
)


def use_plan(app, found):
    app("plan", plan=planning(found))


def use_apply(app, found, failing=()):
    app("apply", apply=applying(found, failing), Applied=Applied)


def remembered(app, verb="plan", found=EMPTY):
    """What the verb handed to the app."""
    seen = SimpleNamespace()

    def handed(settings, selection, *rest):
        seen.settings, seen.selection = settings, selection
        return found if verb == "plan" else Applied(found)

    app(verb, **{verb: handed, **({} if verb == "plan" else {"Applied": Applied})})
    return seen


# plan


def test_plan_exits_with_zero_whatever_it_finds(cli, app):
    use_plan(app, FULL)
    ran = cli("plan")
    assert ran.code == 0
    assert "Plan: 0 to add, 2 to change" in ran.out


@pytest.mark.parametrize(("found", "code"), [(FULL, 2), (EMPTY, 0), (UNREACHABLE, 69)])
def test_plan_can_say_by_its_exit_code_whether_there_are_changes(cli, app, found, code):
    use_plan(app, found)
    assert cli("plan", "--detailed-exitcode").code == code


def test_plan_with_an_unreachable_host_shows_the_rest_and_exits_with_69(cli, app):
    use_plan(app, replace(FULL, failures=UNREACHABLE.failures))
    ran = cli("plan")
    assert ran.code == 69
    assert "Domain/web-1" in ran.out


def test_the_json_of_a_plan_has_the_fields_of_the_contract(cli, app):
    use_plan(app, FULL)
    found = cli("plan", "-o", "json").json
    assert set(found) >= {
        *(
            "formatVersion",
            "digest",
            "revision",
            "complete",
            "changes",
            "conditions",
            "unmanaged",
            "capacity",
            "summary",
        ),
    }
    assert found["formatVersion"] == 1
    assert found["digest"] == DIGEST
    assert found["changes"][0]["fields"][0] == {
        "path": "memory.current",
        "before": "2GiB",
        "after": "4GiB",
        "disruption": "none",
    }
    first = found["changes"][0]
    assert (first["ref"], first["host"], first["action"], first["disruption"], first["blocked"]) == (
        *("Domain/web-1", "hv1", "update", "restart", None),
    )
    assert found["changes"][2]["blocked"]["allow"] == "delete"
    assert found["conditions"] == [
        {"ref": "Domain/db", "host": "hv1", "type": "RestartPending", "fields": ["cpu.mode"], "message": "waits"}
    ]
    assert found["unmanaged"] == ["Domain/stray"]
    assert found["capacity"] == [
        {"host": "hv1", "cpus": 8, "vcpus": 14, "memory": "32GiB", "committed": "28GiB", "warnings": ["tight"]}
    ]
    assert {key: found["summary"][key] for key in ("add", "change", "destroy", "adopt", "blocked")} == {
        **{"add": 0, "change": 2, "destroy": 0, "adopt": 0, "blocked": 1},
    }


def test_plan_shows_definitions_as_a_diff_without_passwords(cli, app):
    use_plan(app, FULL)
    ran = cli("plan", "--diff", "xml")
    assert "-  <memory>2</memory>\n+  <memory>4</memory>" in ran.out
    assert "'old'" not in ran.out
    assert "'new'" not in ran.out
    assert "+  <memory>4</memory>" in cli("plan", "--diff", "xml", "-o", "json").json["changes"][0]["diff"]


def test_global_options_stand_before_or_after_the_verb(cli, app):
    seen = remembered(app)
    cli("-C", "a", "--connect", "test:///x", "plan", "-p", "3", "--lock-timeout", "2m", "--state-dir", "/s")
    assert isinstance(seen.settings, Settings)
    assert (seen.settings.directory, seen.settings.connect) == (Path("a"), "test:///x")
    assert (seen.settings.parallelism, seen.settings.lock_timeout, seen.settings.state_dir) == (3, 120, Path("/s"))
    cli("-C", "a", "plan", "-C", "b")
    assert seen.settings.directory == Path("b")


def test_what_is_selected_reaches_the_app(cli, app):
    seen = remembered(app)
    cli(
        "plan",
        "Domain/a",
        "Volume/p/v",
        "--exclude",
        "Domain/b",
        "--ref",
        "v1",
        "--allow",
        "restart,delete",
        "--allow",
        "replace",
    )
    assert seen.selection == Selection(
        refs=(Ref("Domain", "a"), Ref("Volume", "p/v")),
        exclude=(Ref("Domain", "b"),),
        revision="v1",
        allow=frozenset({Allow.RESTART, Allow.DELETE, Allow.REPLACE}),
    )


def test_a_misspelt_permission_is_answered_with_the_nearest_word(cli):
    ran = cli("apply", "--allow", "restrat")
    assert ran.code == 64
    assert "did you mean restart?" in ran.err


# apply


def test_apply_tells_each_change_and_the_sum(cli, app):
    use_apply(app, FULL)
    ran = cli("apply", "--yes")
    assert ran.code == 73
    assert "Domain/web-1 on hv1: changed\n" in ran.out
    assert "Domain/old-vm on hv1: skipped: nothing declares it any more [R502]" in ran.out
    assert "Applied: 2 changed, 1 skipped.  1 waiting for a restart." in ran.out


@pytest.mark.parametrize(
    ("found", "failing", "code"),
    [
        (plan(web(), volume()), (), 0),
        (EMPTY, (), 0),
        (FULL, (), 73),
        (FULL, ("web-1",), 1),
        (replace(plan(volume()), failures=UNREACHABLE.failures), (), 69),
    ],
)
def test_apply_ends_with_the_code_of_the_worst(cli, app, found, failing, code):
    use_apply(app, found, failing)
    assert cli("apply", "--yes").code == code


def test_failures_of_one_family_end_with_its_code(cli, app):
    def apply(settings, selection, approve, report, stopping, progress):
        from tests.cli.examples import outcomes

        return Applied(plan(web()), outcomes(plan(web()), ["web-1"], "R603"))

    app("apply", apply=apply, Applied=Applied)
    assert cli("apply", "--yes").code == 77


def test_the_json_of_an_apply_is_one_document_with_the_outcomes(cli, app):
    use_apply(app, FULL, failing=["default/web-1-data"])
    ran = cli("apply", "--yes", "-o", "json")
    changes = {change["ref"]: change for change in ran.json["changes"]}
    assert changes["Domain/web-1"]["outcome"] == "done"
    assert changes["Domain/web-1"]["error"] is None
    assert changes["Volume/default/web-1-data"]["outcome"] == "failed"
    assert changes["Volume/default/web-1-data"]["error"]["number"] == "R604"
    assert changes["Domain/old-vm"]["outcome"] == "skipped"


def test_apply_without_a_terminal_needs_an_approval(cli, app):
    use_apply(app, FULL)
    ran = cli("apply", "-o", "json")
    assert ran.code == 73
    assert ran.json["problems"][0]["number"] == "R501"


@pytest.mark.parametrize("digest", [DIGEST, DIGEST[:6], DIGEST[:12]])
def test_an_approved_plan_is_applied(cli, app, digest):
    use_apply(app, plan(web()))
    assert cli("apply", "--approve", digest).code == 0


@pytest.mark.parametrize("found", [plan(web()), EMPTY, plan(doomed())])
def test_any_other_plan_is_stale(cli, app, found):
    use_apply(app, found)
    ran = cli("apply", "--approve", "abcdef")
    assert ran.code == 75
    assert "[R506]" in ran.err


@pytest.mark.parametrize("digest", ["3f9c1", "not-hex!", DIGEST.upper()])
def test_what_is_no_digest_approves_nothing(cli, app, digest):
    use_apply(app, plan(web()))
    assert cli("apply", "--approve", digest).code == 64


def test_yes_and_a_digest_exclude_each_other(cli, app):
    use_apply(app, EMPTY)
    assert cli("apply", "--yes", "--approve", DIGEST).code == 64


def test_a_plan_file_is_private_and_approves_exactly_its_plan(cli, app, tmp_path):
    use_plan(app, FULL)
    assert cli("plan", "Domain/web-1", "--allow", "delete", "--ref", "v1", "--out", "plan.json").code == 0
    written = tmp_path / "plan.json"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    content = json.loads(written.read_text())
    assert content["digest"] == DIGEST
    assert content["inputs"]["observed"][0] == {"host": "hv1", "ref": "Domain/web-1", "digest": "seen"}
    assert "passwd" not in written.read_text()
    seen = remembered(app, "apply", FULL)
    assert cli("apply", "plan.json", "--allow", "restart").code == 73
    assert seen.selection == Selection(refs=(WEB,), revision="v1", allow=frozenset({Allow.DELETE, Allow.RESTART}))
    use_apply(app, replace(FULL, digest="0" * 64))
    assert cli("apply", "plan.json").code == 75


def test_a_plan_file_that_cannot_be_written_is_an_error(cli, app):
    use_plan(app, FULL)
    ran = cli("plan", "--out", "nowhere/plan.json")
    assert ran.code == 1
    assert "nowhere/plan.json: cannot be written: No such file or directory [R805]" in ran.err


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"formatVersion": 1, "digest": 7, "inputs": {}}', "\xff"])
def test_what_is_no_plan_file_is_refused(cli, app, content):
    use_apply(app, FULL)
    if content is not None:
        Path("plan.json").write_text(content, encoding="latin-1")
    ran = cli("apply", "./plan.json")
    assert ran.code == 64
    assert "[R803]" in ran.err


def test_a_plan_file_says_all_that_is_applied(cli, app):
    use_plan(app, FULL)
    cli("plan", "--out", "plan.json")
    use_apply(app, FULL)
    for extra in (["--yes"], ["--approve", DIGEST], ["--ref", "x"], ["--exclude", "Domain/a"]):
        assert cli("apply", "plan.json", *extra).code == 64
    assert cli("apply", "Domain/a", "plan.json").code == 64


def test_rollback_applies_an_older_version(cli, app):
    seen = SimpleNamespace()

    def rollback(settings, ref, to, allow, approve, report, stopping):
        seen.asked = (ref, to, allow)
        return applying(plan(web()))(settings, Selection(), approve, report, stopping)

    app("rollback", rollback=rollback)
    ran = cli("rollback", "Domain/web-1", "--to", "abc", "--allow", "restart", "--yes")
    assert ran.code == 0
    assert seen.asked == (WEB, "abc", frozenset({Allow.RESTART}))


# errors


def test_every_problem_is_shown_in_the_order_of_its_place(cli, app):
    problems = [
        Problem("R203", "second", "b.yaml:2:1"),
        Problem("R203", "third", "b.yaml:10:1"),
        Problem("R101", "first", "a.yaml:9:9"),
    ]

    def fail(settings, selection):
        raise ManifestError(problems)

    app("plan", plan=fail)
    ran = cli("plan", "-o", "json")
    assert ran.code == 65
    assert ran.err.splitlines() == [
        "error: a.yaml:9:9: first [R101]",
        "  cure: Mend the syntax at the place shown.",
        "error: b.yaml:2:1: second [R203]",
        "error: b.yaml:10:1: third [R203]",
        "  cure: Correct the spelling, remove the field, or use xml: for what has no field.",
    ]
    assert [problem["message"] for problem in ran.json["problems"]] == ["first", "second", "third"]
    assert ran.json["problems"][0] == {
        "number": "R101",
        "message": "first",
        "where": "a.yaml:9:9",
        "cure": "Mend the syntax at the place shown.",
        "family": "manifest",
    }


def test_a_message_of_several_lines_takes_one(cli, app):
    def fail(settings, selection):
        raise trouble("R604", "libvirt says:\nno\x1b[2J", "hv1")

    app("plan", plan=fail)
    assert cli("plan").err.splitlines()[0] == "error: hv1: libvirt says: no\\x1b[2J [R604]"


def test_problems_of_several_families_end_with_1(cli, app):
    def fail(settings, selection):
        raise ManifestError([Problem("R203", "a"), Problem("R601", "b")])

    app("plan", plan=fail)
    assert cli("plan").code == 1


def test_a_bug_keeps_its_traceback(cli, app):
    def fail(settings, selection):
        raise ZeroDivisionError("oops")

    app("plan", plan=fail)
    ran = cli("plan", "-o", "json")
    assert ran.code == 1
    assert "ZeroDivisionError: oops" in ran.err
    assert "[R999]" in ran.err
    assert ran.json["problems"][0]["number"] == "R999"


@pytest.mark.parametrize("arguments", [("plan", "--nonsense", "-o", "json"), ("--output=json", "nonsense")])
def test_a_wrong_command_line_is_json_too_where_that_was_asked_for(cli, arguments):
    ran = cli(*arguments)
    assert ran.code == 64
    assert ran.json["problems"][0]["number"] == "R801"


# the rest


@dataclass(frozen=True)
class Status:
    ref: Ref = WEB
    host: str = "hv1"
    state: str = "running"
    conditions: tuple[Condition, ...] = ()
    drift: tuple[str, ...] = ()
    revision: str | None = "abc"
    last_backup: None = None
    details: dict[str, str] = field(default_factory=dict)


def test_status_shows_what_is_worth_knowing(cli, app):
    pending = Condition(WEB, "hv1", "RestartPending", "waits", ("cpu",))
    found = (Status(conditions=(pending,), drift=("title",), details={"memory": "2GiB"}),)
    app("status", status=lambda settings, selection: found)
    ran = cli("status")
    assert ran.code == 0
    assert ran.out == (
        "RESOURCE      HOST  STATE    CONDITION\n"
        "Domain/web-1  hv1   running  RestartPending\n"
        "  RestartPending: waits (cpu)\n"
        "  differs: title\n"
        "  memory 2GiB\n"
        "\nRevision abc\n"
    )
    row = cli("status", "-o", "json").json["resources"][0]
    assert (row["ref"], row["drift"], row["lastBackup"], row["details"]) == (
        "Domain/web-1",
        ["title"],
        None,
        {"memory": "2GiB"},
    )


def test_status_of_a_host_that_cannot_be_asked_exits_with_69(cli, app):
    app("status", status=lambda settings, selection: (Status(state="unknown"), Status()))
    assert cli("status").code == 69


def test_status_of_nothing_says_so(cli, app):
    app("status", status=lambda settings, selection: ())
    assert cli("status").out == "Nothing is declared.\n"


def test_status_is_watched_until_ctrl_c(cli, app, monkeypatch):
    looks = []

    def look(settings, selection):
        looks.append(selection)
        if len(looks) == 2:
            raise KeyboardInterrupt
        return (Status(),)

    app("status", status=look)
    monkeypatch.setattr("reconciler.cli.verbs.status.PERIOD_SECONDS", 0.0)
    ran = cli("status", "--watch", "-o", "json")
    assert ran.code == 0
    assert [json.loads(line)["resources"][0]["ref"] for line in ran.out.splitlines()] == ["Domain/web-1"]


def test_history_lists_versions_with_what_changed(cli, app):
    fields = tuple(FieldChange(f"f{number}", "a", None, Disruption.NONE) for number in range(5))
    fields = (*fields[:1], FieldChange("acpi", None, "", Disruption.NONE), *fields[1:])
    entry = SimpleNamespace(host="hv1", commit="c" * 40, when="2026-11-22T02:00:00Z", subject="applied", fields=fields)
    app("history", history=lambda settings, ref: (entry,))
    text = cli("history", "Domain/web-1").out
    assert text.startswith(
        "cccccccccccc  2026-11-22T02:00:00Z  applied\n    f0: a -> absent\n    acpi: absent -> present\n"
    )
    assert "and 2 more" in text
    found = cli("history", "Domain/web-1", "-o", "json").json
    assert (found["ref"], len(found["versions"][0]["fields"])) == ("Domain/web-1", 6)


@pytest.mark.parametrize(("level", "code"), [("ok", 0), ("warn", 0), ("fail", 1)])
def test_doctor_ends_with_1_where_something_fails(cli, app, level, code):
    app("doctor", doctor=lambda settings: (SimpleNamespace(name="kvm", level=level, message="m", cure="load it"),))
    ran = cli("doctor")
    assert ran.code == code
    assert ("load it" in ran.out) == (level != "ok")
    assert cli("doctor", "-o", "json").json["checks"][0]["level"] == level


@pytest.mark.parametrize(("problems", "code"), [((), 0), ((Problem("R203", "no such field", "a.yaml:1:1"),), 65)])
def test_validate_counts_documents_or_shows_every_problem(cli, app, problems, code):
    app("validate", validate=lambda paths, settings: SimpleNamespace(count=3, problems=problems))
    ran = cli("validate")
    assert ran.code == code
    assert ran.out == ("" if problems else "3 documents are valid.\n")
    assert cli("validate", "-o", "json").json["valid"] == (not problems)


IMPORTING = {"Imported": Imported, "Result": Result, "Wish": Wish}


def test_import_says_what_was_written_and_what_has_no_field(cli, app):
    items = (
        Item(ref=Ref("Domain", "a"), host="", path=Path("d/a.yaml"), result=Result.NEW, rest=("devices/shmem",)),
        Item(ref=Ref("Domain", "b"), host="", path=Path("d/b.yaml"), result=Result.SAME),
    )
    imported = Imported(items=items, problems=(), passed=(Path("x.xml"),))
    app("import_", import_=lambda settings, selection, wish, report: imported, **IMPORTING)
    ran = cli("import", "--all", "--to", "d")
    assert (ran.code, ran.out.splitlines()) == (
        0,
        [
            "wrote d/a.yaml",
            "Imported: 2 Domains.",
            "  1 file was there already and stayed.",
            "  1 XML file defines nothing (-v names them).",
            "  1 holds in xml: what has no field:",
            "    Domain devices/shmem (1)",
        ],
    )
    assert "x.xml" in cli("import", "--all", "-v").out
    found = cli("import", "--all", "-o", "json").json
    assert (found["written"], found["passedOver"], found["summary"]) == (["d/a.yaml"], ["x.xml"], {"Domain": 2})
    assert found["imported"][0] == {
        **{"ref": "Domain/a", "host": None, "file": "d/a.yaml", "result": "new", "xml": ["devices/shmem"]},
    }


def test_import_tells_how_far_it_is_and_ends_with_the_code_of_what_failed(cli, app):
    def import_(settings, selection, wish, report):
        for number in range(100):
            report(number + 1, 100)
        return Imported(items=(), problems=(Problem("R806", "Domain/a cannot be imported: x", "hv1"),))

    app("import_", import_=import_, **IMPORTING)
    ran = cli("import", "--all")
    assert (ran.code, ran.out) == (1, "Imported: nothing.\n")
    assert ran.err.startswith("imported 10 of 100\nimported 20 of 100\n") and "R806" in ran.err


@pytest.mark.parametrize("arguments", [[], ["Domain/a", "--all"], ["--from", "a.xml", "--all"], ["web"]])
def test_import_wants_names_or_everything_or_files(cli, app, arguments):
    app("import_", import_=None, **IMPORTING)
    assert cli("import", *arguments).code == 64


def test_import_takes_what_a_shell_makes_of_a_star_for_files(cli, app):
    wishes = []
    app(
        "import_",
        import_=lambda settings, selection, wish, report: wishes.append(wish) or Imported(items=(), problems=()),
        **IMPORTING,
    )
    cli("import", "--from", "a.xml", "b.xml", "c.xml", "--overwrite")
    assert wishes == [Wish(to=wishes[0].to, files=(Path("a.xml"), Path("b.xml"), Path("c.xml")), overwrite=True)]


def test_render_prints_the_xml_as_it_is(cli, app):
    app("render", render=lambda settings, selection: "<domain>\n</domain>\n")
    assert cli("render", "Domain/a").out == "<domain>\n</domain>\n"
    assert cli("render", "Domain/a", "-o", "json").json == {"ref": "Domain/a", "xml": "<domain>\n</domain>\n"}
    assert cli("render", "--all").out == "<domain>\n</domain>\n"


@pytest.mark.parametrize("arguments", [(), ("Domain/a", "--all"), ("Domain/a", "--origin", "--as", "xml")])
def test_render_wants_resources_or_all_of_them_in_one_form(app, cli, arguments):
    app("render", render=lambda settings, selection: "<domain/>")
    assert cli("render", *arguments).code == 64


def test_values_are_given_on_either_side_of_the_verb_and_the_last_one_wins(tmp_path, cli):
    spec = "spec: {uri: 'test:///${values.path}'}"
    (tmp_path / "host.yaml").write_text(f"apiVersion: reconciler/v1\nkind: Host\nmetadata: {{name: hv1}}\n{spec}\n")
    for name in ("one", "two"):
        (tmp_path.parent / name).write_text(f"path: {name}\n")
    given = ("--values", tmp_path.parent / "one")
    shown = cli("-C", tmp_path, *given, "render", "Host/hv1", "--as", "yaml", "--values", tmp_path.parent / "two").out
    assert "uri: test:///two\n" in shown


def test_render_shows_documents_and_their_origins(tmp_path, cli):
    spec = "spec: {uri: 'test:///default'}"
    (tmp_path / "host.yaml").write_text(f"apiVersion: reconciler/v1\nkind: Host\nmetadata: {{name: hv1}}\n{spec}\n")
    assert "uri: test:///default\n" in cli("-C", tmp_path, "render", "Host/hv1", "--as", "yaml").out
    assert "uri: test:///default     # host.yaml:4" in cli("-C", tmp_path, "render", "--all", "--origin").out
    [found] = cli("-C", tmp_path, "render", "--all", "--origin", "-o", "json").json["resources"]
    assert (found["document"]["spec"], found["origins"]["spec.uri"]) == ({"uri": "test:///default"}, "host.yaml:4")


def test_init_lists_the_files(cli, app):
    app("init", init=lambda directory: (directory / "a.yaml",))
    assert cli("init", "new").out == "wrote new/a.yaml\n"


def test_init_where_something_is_already_fails(cli, app):
    def init(directory):
        raise trouble("R804", "new is not empty")

    app("init", init=init)
    assert cli("init", "new").code == 64


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        ("exit-codes", " 73  refused by a guard"),
        ("settings", "lockTimeout: 30s"),
        ("errors", "R203  Unknown field"),
        ("R203", "Exit code: 65"),
        ("r203", "Cure: Correct the spelling"),
        ("plan", "--detailed-exitcode"),
    ],
)
def test_help_explains_topics_numbers_and_verbs(cli, topic, said):
    ran = cli("help", topic)
    assert ran.code == 0
    assert said in ran.out


def test_help_alone_is_the_list_of_verbs(cli):
    assert "rollback" in cli("help").out


def test_the_version_is_printed(cli):
    from reconciler import __version__

    assert cli("--version").out == f"reconciler {__version__}\n"
