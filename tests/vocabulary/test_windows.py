"""When a restart window is open, and when the next one comes: also where the clock is put forward or back."""

import pytest

from reconciler.model.windows import Window, doubt, next_opening, open_until

SATURDAYS = Window(schedule="0 2 * * sat", seconds=7200, zone="Europe/Berlin")
NIGHTS = Window(schedule="30 2 * * *", seconds=7200, zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-28T00:59:59Z", ""),
        ("2026-11-28T01:00:00Z", "2026-11-28T03:00:00Z"),
        ("2026-11-28T02:59:59Z", "2026-11-28T03:00:00Z"),
        ("2026-11-28T03:00:00Z", ""),
        ("2026-11-29T01:30:00Z", ""),
    ],
)
def test_a_window_is_open_from_its_moment_for_its_length(now, until):
    assert open_until((SATURDAYS,), now) == until


def test_the_next_opening_is_later_than_now():
    assert next_opening((SATURDAYS,), "2026-11-28T00:59:59Z") == "2026-11-28T01:00:00Z"
    assert next_opening((SATURDAYS,), "2026-11-28T01:00:00Z") == "2026-12-05T01:00:00Z"


def test_of_several_windows_the_first_opens_and_the_last_closes():
    both = (SATURDAYS, Window(schedule="0 2 28 11 *", seconds=600))
    assert open_until(both, "2026-11-28T02:05:00Z") == "2026-11-28T03:00:00Z"
    assert next_opening(both, "2026-11-28T01:30:00Z") == "2026-11-28T02:00:00Z"
    assert (open_until((), "2026-11-28T02:05:00Z"), next_opening((), "2026-11-28T02:05:00Z")) == ("", "")


def test_windows_that_overlap_are_one():
    always = Window(schedule="0 * * * *", seconds=7200)
    assert open_until((always,), "2026-11-28T02:05:00Z") == "2026-11-28T04:00:00Z"


@pytest.mark.parametrize(
    ("now", "until"),
    [
        # The clock goes back from 3 to 2 at 01:00Z: half past two comes twice and counts once.
        ("2026-10-25T00:29:59Z", ""),
        ("2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z"),
        ("2026-10-25T01:20:00Z", "2026-10-25T02:30:00Z"),
        ("2026-10-25T02:30:00Z", ""),
        # It goes forward from 2 to 3 at 01:00Z: half past two is left out, and the window opens behind the gap.
        ("2026-03-29T00:59:59Z", ""),
        ("2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"),
        ("2026-03-29T03:00:00Z", ""),
    ],
)
def test_a_window_opens_once_and_keeps_its_length_when_the_clock_is_changed(now, until):
    assert open_until((NIGHTS,), now) == until


def test_the_next_opening_after_the_hour_that_comes_twice_is_the_next_day():
    assert next_opening((NIGHTS,), "2026-10-25T01:20:00Z") == "2026-10-26T01:30:00Z"


@pytest.mark.parametrize("schedule", ["0 2 * * sat", "*/15 22-23,0-4 * * 1-5", "0 0 L * *", "0 3 * * mon#1"])
def test_what_cron_understands_is_accepted(schedule):
    assert doubt(Window(schedule=schedule, seconds=60, zone="America/New_York")) == ("", "")


@pytest.mark.parametrize("schedule", ["", "x", "0 25 * * *", "0 0 31 2 *", "* * * * * *", "@daily"])
def test_what_is_no_schedule_is_refused(schedule):
    field, why = doubt(Window(schedule=schedule, seconds=60))
    assert field == "schedule" and why


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../UTC", "/etc/passwd", "Europe", ""])
def test_what_is_no_time_zone_is_refused(zone):
    assert doubt(Window(schedule="0 2 * * *", seconds=60, zone=zone))[0] == "timeZone"


@pytest.mark.parametrize("seconds", [0, 8 * 86400])
def test_a_window_is_neither_empty_nor_endless(seconds):
    assert doubt(Window(schedule="0 2 * * *", seconds=seconds))[0] == "duration"
