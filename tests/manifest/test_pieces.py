"""`xml:` from the file to the kind: pieces of Profiles stay, and each mistake is told where it stands."""

from __future__ import annotations

import pytest

from reconciler.errors import ManifestError
from reconciler.kind import Context
from reconciler.kinds.domain import KIND
from reconciler.manifest import link
from tests.app.kinds import document
from tests.manifest.test_read import numbers, reading

BASE = "\n  xml: |\n    <domain>\n      {}\n    </domain>"


def both(under: str, over: str):
    profile = reading(document("Profile", "small", BASE.format(under)), "small.yaml").documents[0]
    domain = reading(document("Domain", "web", f"\n  profile: small{over}")).documents[0]
    (whole,) = link.expand(domain, [profile])
    return whole


def test_the_piece_of_a_profile_stays_under_that_of_the_document() -> None:
    whole = both("<title>t</title><os><smbios mode='host'/></os>", BASE.format("<title>u</title>"))
    claims = KIND.parse(whole, Context("hv1", "")).claims
    assert (claims["title"], claims["os/smbios@mode"]) == ("u", "host")


def test_a_document_without_a_piece_has_that_of_its_profile_and_can_refuse_it() -> None:
    assert KIND.parse(both("<title>t</title>", ""), Context("hv1", "")).claims["title"] == "t"
    assert "title" not in KIND.parse(both("<title>t</title>", "\n  xml: null"), Context("hv1", "")).claims


@pytest.mark.parametrize(
    ("under", "over", "where", "said"),
    [
        ("<x/>", BASE.format("<memballoon reconciler:remove='no'/>"), "f.yaml:8:5", "line 2 of its XML"),
        ("<memballoon reconciler:remove='no'/>", BASE.format("<x/>"), "small.yaml:7:5", "of the XML of Profile/small"),
        ("<memballoon reconciler:remove='no'/>", "", "small.yaml:7:5", "of the XML of Profile/small"),
        ("<x/>", "\n  xml: \"<domain><a reconciler:remove='no'/></domain>\"", "f.yaml:6:8", "line 1"),
    ],
)
def test_a_contradiction_is_told_where_it_stands(under: str, over: str, where: str, said: str) -> None:
    with pytest.raises(ManifestError) as caught:
        KIND.parse(both(under, over), Context("hv1", ""))
    (problem,) = caught.value.problems
    assert (problem.number, problem.where) == ("R113", where)
    assert said in problem.message


def test_well_known_prefixes_need_no_declaration_and_others_do() -> None:
    assert numbers(reading(document("Domain", "web", BASE.format("<qemu:commandline/>")))) == []
    assert numbers(reading(document("Domain", "web", BASE.format("<other:thing/>")))) == [("f.yaml:7:19", "R110")]
