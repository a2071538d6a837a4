"""Restart windows: when they are open. Moments are RFC 3339 texts in UTC (see moments), and always arguments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import takewhile

from reconciler.model.moments import parse, spell

DEFAULT_ZONE = "UTC"
# A longer one, opened every minute, would make this look at more than ten thousand openings.
LONGEST_SECONDS = 7 * 86400
# Any moment does to ask whether a schedule ever comes.
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A window opens at each moment of a cron expression of five fields in a time zone, for so many seconds.

    Summer time is as with Debian's cron (cronsim 2.6): a moment that is left out moves behind the gap, one that comes
    twice counts once, and a window keeps its length through both.
    """

    schedule: str
    seconds: int
    zone: str = DEFAULT_ZONE


# Machines of one profile share their windows, and all of a plan the moment.
@lru_cache(maxsize=256)
def open_until(windows: tuple[Window, ...], now: str) -> str:
    """When the windows that are open now have all closed; "" if none is open."""
    moment = parse(now)
    ends = [end for window in windows for end in _ends(window, moment)]
    return spell(max(ends)) if ends else ""


@lru_cache(maxsize=256)
def next_opening(windows: tuple[Window, ...], now: str) -> str:
    """When the first of the windows opens after now; "" if none ever does."""
    moment = parse(now)
    firsts = [opening for window in windows if (opening := next(_openings(window, moment), None))]
    return spell(min(firsts)) if firsts else ""


def doubt(window: Window) -> tuple[str, str]:
    """The field of a window that cannot be meant, and why; two empty texts where all is well."""
    from cronsim import CronSimError

    if not 0 < window.seconds <= LONGEST_SECONDS:
        return "duration", "a window is open for more than 0s and at most 7d"
    try:
        _zone(window.zone)
    except (KeyError, ValueError, OSError):
        return "timeZone", f"{window.zone} is no time zone that this machine knows, such as Europe/Berlin"
    if len(window.schedule.split()) != 5:
        return "schedule", "a schedule has five fields: minute, hour, day of the month, month, day of the week"
    try:
        comes = next(_openings(window, _SOME_DAY), None)
    except CronSimError as error:
        return "schedule", f"{window.schedule!r} is no cron expression ({error})"
    return ("", "") if comes else ("schedule", f"{window.schedule!r} never comes")


def _ends(window: Window, now: datetime) -> Iterator[datetime]:
    """When the openings of a window end that still last."""
    length = timedelta(seconds=window.seconds)
    lasting = takewhile(lambda opening: opening <= now, _openings(window, now - length))
    return (opening + length for opening in lasting)


def _openings(window: Window, after: datetime) -> Iterator[datetime]:
    """The moments at which a window opens, later than `after`.

    Always forwards: cronsim (2.6) going back misses what lies before the hour that summer time repeats.
    """
    # Imported here: most desired states have no window, and it takes some milliseconds.
    from cronsim import CronSim

    found = CronSim(window.schedule, after.astimezone(_zone(window.zone)))
    return (opening.astimezone(UTC) for opening in found if opening.astimezone(UTC) > after)


def _zone(name: str) -> tzinfo:
    """Raises KeyError, ValueError or OSError for what is none."""
    from zoneinfo import ZoneInfo

    return UTC if name == DEFAULT_ZONE else ZoneInfo(name)
