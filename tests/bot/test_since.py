from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.since import LONGEST_SINCE, parse_since
from compass_core.errors import RefusalError

NOW = datetime(2026, 1, 5, 14, 3, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (
            20,
            [
                "20m",
                "20 m",
                "20min",
                "20 mins",
                "20M",
                "20 minutes",
                "20 minutes ago",
                "about 20m",
                "~20m",
                "the last 20 minutes",
                "PT20M",
                "now-20m",
                "-20m",
            ],
        ),
        (90, ["1h30m", "1h30", "1 h 30 min", "1 hour and 30 minutes", "1.5h", "1,5 hours"]),
        (60, ["1h", "an hour", "1 hr", "last hour", "one hour ago", "half an hour and 30m"]),
        (24 * 60, ["1d", "a day", "24 hours", "yesterday 14:03:30"]),
        (7 * 24 * 60, ["7d", "1w", "168h"]),
        (0.5, ["30s", "30 sec", "30 seconds"]),
    ],
)
def test_spans_of_time(minutes: float, said: list[str]) -> None:
    for text in said:
        assert abs(parse_since(text, NOW) - timedelta(minutes=minutes)) < timedelta(minutes=1), text


@pytest.mark.parametrize(
    ("began", "said"),
    [
        (
            datetime(2026, 1, 5, 3, tzinfo=UTC),
            ["03:00", "3:00", "3am", "3:00 am", "03:00 UTC", "03:00Z", "since 03:00", "05:00+02:00", "05:00 +0200"],
        ),
        (
            datetime(2026, 1, 4, 23, 15, tzinfo=UTC),
            ["23:15", "11:15pm", "yesterday 23:15", "2026-01-04 23:15", "2026-01-04T23:15Z", "2026/01/04 23:15 UTC"],
        ),
        (
            datetime(2026, 1, 5, 13, 0, tzinfo=UTC),
            ["2026-01-05T15:00:00+02:00", "2026-01-05 15:00 +02:00", "2026-01-05T08:00:00.000-05:00", "1767618000", "1767618000000"],
        ),
        (datetime(2026, 1, 5, tzinfo=UTC), ["2026-01-05", "00:00", "12 am"]),
    ],
)
def test_times(began: datetime, said: list[str]) -> None:
    for text in said:
        assert NOW - parse_since(text, NOW) == began, text


@pytest.mark.parametrize("text", ["", "1y", "0m", "8d", "169h", "45", "m", "999999d", "5\n", "1h-", "20 mo", "h30", "now", "ago", "25:00", "03:60", "2026-13-01", "2026-01-05T14:04", "9999-12-31", "0001-01-01T00:00+14:00", "13pm!", "20 m checkout"])  # fmt: skip
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(RefusalError, match=r"--since 1h30m.*--since 03:00.*at most 7d"):
        parse_since(text, NOW)


@given(
    st.datetimes(NOW.replace(tzinfo=None) - LONGEST_SINCE, NOW.replace(tzinfo=None) - timedelta(seconds=1)), st.integers(-14 * 60, 14 * 60)
)
def test_an_iso_time_means_the_same_in_every_zone(at: datetime, offset: int) -> None:
    there = at.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=offset)))
    assert NOW - parse_since(there.isoformat(), NOW) == there


PIECES = st.sampled_from(["20", "1", "h", "m", "min", ":", "03", "00", "T", "Z", "+", "-", "2026", "ago", "last", "an", "hour", "half", "pm", "utc", "yesterday", ".", ",", "and", "~", "@"])  # fmt: skip


@given(st.one_of(st.text(max_size=30), st.lists(PIECES, max_size=8).flatmap(lambda some: st.sampled_from([" ".join(some), "".join(some)]))))
def test_whatever_is_said_is_a_span_within_a_week_or_a_refusal(text: str) -> None:
    try:
        assert timedelta(0) < parse_since(text, NOW) <= LONGEST_SINCE
    except RefusalError as refusal:
        assert "--since" in str(refusal)  # noqa: PT017 - either way is right
