"""How sure an answer may sound."""

from __future__ import annotations

import pytest

from compass_core.hypotheses import calibrated
from compass_core.hypotheses.calibrated import MEASURED, Band, Calibration, how_sure, posterior
from compass_core.hypotheses.coverage import UNTESTED, lowered
from tests.fakes import hypothesis
from tests.hypotheses.seeing import APPLICATION

MADE = Calibration(ceiling=0.9, bands=(Band(word="Likely", least=0.6, n=87, right=65), Band(word="A guess", least=0, n=0, right=0)))


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrated, "MEASURED", MADE)


def test_it_is_said_in_words_with_counts() -> None:
    assert how_sure(0.7) == "Likely: of 87 answers this sure on systems never seen before, 65 were right."
    assert how_sure(0.1) == "A guess: no answer was this sure on a system never seen before."


def test_what_people_said_here_counts_beside_what_was_published() -> None:
    assert "(here: 4 of 5, so about 76% are)" in how_sure(0.7, right=4, asked=5)
    assert posterior(0.7, 0, 0) == pytest.approx(66 / 89)
    assert posterior(0.7, 0, 20) < posterior(0.7, 0, 0) < posterior(0.7, 20, 20)


def test_nobody_is_surer_than_the_worst_system_or_a_lack_of_tests_allows() -> None:
    sure = hypothesis(APPLICATION, 0.97)
    survived = sure.model_copy(update={"verdict": "survived"})
    assert [one.confidence for one in lowered((survived, sure, hypothesis(APPLICATION, 0.4)), 1.0)] == [0.9, UNTESTED, 0.4]
    assert lowered((survived,), 0.5)[0].confidence == 0.485


def test_what_the_package_holds_was_measured() -> None:
    leasts = [band.least for band in MEASURED.bands]
    assert leasts == sorted(leasts, reverse=True)
    assert leasts[-1] == 0
    assert all(0 <= band.right <= band.n for band in MEASURED.bands)
