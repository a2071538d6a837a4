"""What is written is read again as it was, and looks as a person would have written it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.manifest.load import load
from reconciler.manifest.write import resource, write_document

# What libvirt's XML can hold (XML 1.0, section 2.2), and thereby what an import can come across.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f")).filter(
    lambda text: all(char in "\t\n" or " " <= char < "\x7f" or "\xa0" <= char < "\ufffe" for char in text)
)
TRAPS = st.sampled_from(
    ["0644", "1e3", "0o17", "12:30", "yes", "~", "null", "-", "a: b", "a #b", "2026-01-02", "0x1F", "<<"]
)
SCALARS = TEXTS | TRAPS | st.booleans() | st.integers(-(10**16), 10**16) | st.none()
BODIES = st.dictionaries(
    TRAPS | st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    max_size=4,
)


@given(BODIES)
def test_a_document_is_read_as_it_was_written(body: dict[str, object]) -> None:
    document = resource("Domain", {"name": "web"}, body)
    (found,), problems = load(write_document(document).encode(), "a.yaml")
    assert (problems, found.value) == ([], document)


def test_it_is_written_like_by_hand() -> None:
    body = {
        "memory": "4GiB",
        "mode": "0711",
        "disks": [{"name": "root", "order": [1, "two"]}, {}],
        "mac": "52:54:00:ab:00:01",
        "digits": "52:54:00:00:00:10",
        "xml": "<domain>\n  <a/>\n</domain>\n",
        "none": [],
    }
    assert write_document({"spec": body}) == (
        "spec:\n"
        "  memory: 4GiB\n"
        "  mode: '0711'\n"
        "  disks:\n"
        "    - name: root\n"
        "      order:\n"
        "        - 1\n"
        "        - two\n"
        "    - {}\n"
        "  mac: 52:54:00:ab:00:01\n"
        "  digits: '52:54:00:00:00:10'\n"
        "  xml: |\n"
        "    <domain>\n"
        "      <a/>\n"
        "    </domain>\n"
        "  none: []\n"
    )
