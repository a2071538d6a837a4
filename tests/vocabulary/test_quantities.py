import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.quantities import format_size, parse_duration, parse_size, scale_libvirt


@given(st.integers(min_value=0, max_value=1 << 62))
def test_a_formatted_size_is_read_back_exactly(count):
    assert parse_size(format_size(count)) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [("2GiB", 2 << 30), ("1.5GiB", 3 << 29), ("10 KB", 10_000), ("7B", 7), ("0.5KiB", 512)],
)
def test_sizes_are_read_with_their_unit(text, count):
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["2", "GiB", "-1GiB", "2 gib", "1e3KiB", "2GiBs", "iB", "5iB"])
def test_a_size_without_a_known_unit_is_refused(text):
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


def test_durations_are_seconds():
    assert parse_duration("5m") == 300
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration("5")


def test_libvirt_units_are_scaled_as_libvirt_does():
    assert scale_libvirt("3", "M", 1024) == 3 << 20
    assert scale_libvirt("3", "MB", 1024) == 3_000_000
    assert scale_libvirt("3", "", 1024) == 3072
    assert scale_libvirt("x", "KiB", 1024) is None
