"""Moments as RFC 3339 text in UTC (`2026-11-22T02:00:00Z`): texts of this one form sort as the moments do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def parse(text: str) -> datetime:
    """The moment that a text names. Raises ValueError."""
    return datetime.fromisoformat(text).astimezone(UTC)


def spell(moment: datetime) -> str:
    """The text of a moment, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def after(text: str, seconds: int) -> str:
    """The moment that many seconds later."""
    return spell(parse(text) + timedelta(seconds=seconds))
