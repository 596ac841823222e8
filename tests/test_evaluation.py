"""What a recorded case tells of its true cause."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from compass_core.errors import CaseError
from compass_core.evaluation import planted

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ({"truth": {"service": "db", "mechanism": "disk_io", "domain": "database"}}, {"service": "db", "mechanism": "disk_io"}),
        ({"truth": {"service": "db"}}, {"service": "db"}),
        ({"truth": {}}, {}),
        ({"truth": None}, {}),
        ({"incident": {}}, {}),
    ],
)
def test_what_is_planted(tmp_path: Path, case: object, told: dict[str, str]) -> None:
    (tmp_path / "case.json").write_text(json.dumps(case))
    assert planted(tmp_path) == told


@pytest.mark.parametrize("text", ["", "{", "[]", '{"truth": "service"}', "\xff", '{"truth": 7}'])
def test_a_case_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "case.json").write_text(text, encoding="latin-1")
    with pytest.raises(CaseError, match=r"case\.json does not tell a cause"):
        planted(tmp_path)


def test_no_case(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"case\.json does not tell a cause"):
        planted(tmp_path)
