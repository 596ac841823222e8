"""What `compass eval` prints for people."""

from __future__ import annotations

from bot.scores import text
from compass_core.evaluation import Case, measure


def case(name: str, rank: int | None, confidence: float) -> Case:
    return {
        "case": name,
        "rank": rank,
        "mechanism_right": None if rank is None else rank == 1,
        "said": "disk_io",
        "truth": "" if rank is None else "disk_io",
        "calm": None,
        "confidence": confidence,
        "seconds": 0.25,
        "services": [{"service": "web\x1b[1m", "confidence": confidence}, {"service": "db", "confidence": 0.1}],
    }


def test_a_line_a_set_and_the_worst_cases() -> None:
    shop = measure("shop", [case("0001", 1, 0.9), case("0002", 2, 0.7), case("0003", 6, 0.3)])
    assert text([shop, measure("unknown", [case("0001", None, 0.9)])]).splitlines() == [
        "set      cases  AC@1  AC@3  AC@5  Avg@5   MRR  mechanism  healthy   ECE  median s  p95 s",
        "shop         3  0.33  0.67  0.67   0.60  0.50       1.00        -  0.37      0.25   0.25",
        "unknown      1     -     -     -      -     -          -        -     -      0.25   0.25",
        "",
        "mechanism     cases  service first  and mechanism right",
        "shop disk_io      3              1                    1",
        "",
        "right at confidence  0.0-0.2  0.2-0.4  0.4-0.6  0.6-0.8  0.8-1.0",
        "shop                     0/0      0/1      0/0      0/1      1/1",
        "unknown                  0/0      0/0      0/0      0/0      0/0",
        "",
        "worst      rank  of  first was  confidence",
        "shop/0003     -   2     web[1m        0.30",
        "shop/0002     2   2     web[1m        0.70",
    ]


def test_where_nothing_went_wrong_there_is_no_worst() -> None:
    assert "worst" not in text([measure("shop", [case("0001", 1, 0.9)])])


def test_only_the_ten_worst_are_shown() -> None:
    told = text([measure("shop", [case(f"{at:04}", 2, 0.7) for at in range(12)])])
    assert told.count("shop/") == 10


def test_nothing_could_be_read() -> None:
    assert text([]) == ""
