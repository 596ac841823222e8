"""What a recorded case tells of its true cause, and how an answer is scored by it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.domain import AgentName, Conclusion, Findings, Hypothesis, Investigation, Outcome, Run, Suspect
from compass_core.errors import CaseError
from compass_core.evaluation import Answer, answers, find, investigate, investigated, measure, planted, score, services, sets
from tests.fakes import INCIDENT, START, hypothesis

if TYPE_CHECKING:
    from compass_core.evaluation import Case, Json

DEMO = Path(__file__).parents[1] / "bot" / "demo_case"


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


def thought(service: str, confidence: float) -> Hypothesis:
    return hypothesis(AgentName.APPLICATION, confidence, service=service)


def ended(hypotheses: tuple[Hypothesis, ...] = (), *suspects: tuple[Suspect, ...]) -> Conclusion:
    """With a run for each list of suspects."""
    findings = zip(AgentName, suspects, strict=False)
    return Conclusion(
        investigation=Investigation(id="1", incident=INCIDENT, started_at=START, budget=0),
        outcome=Outcome.ANSWERED,
        runs=tuple(Run(agent=agent, outcome=Outcome.ANSWERED, findings=Findings(suspects=seen)) for agent, seen in findings),
        hypotheses=hypotheses,
        seconds=0.25,
    )


def suspects(**scores: float) -> tuple[Suspect, ...]:
    return tuple(Suspect(service=service, score=score) for service, score in scores.items())


def test_services_are_those_of_the_hypotheses_then_the_suspects() -> None:
    said = (thought("web", 0.5), thought("db", 0.4), thought("db", 0.2), thought("cart", 0.1))
    listed = services(ended(said, suspects(old=1.0), suspects(db=0.9, api=0.8, web=0.6, mail=0.2, ads=0), ()))
    assert [one["service"] for one in listed] == ["db", "web", "cart", "api", "mail", "ads"]
    assert [one["confidence"] for one in listed] == pytest.approx([0.6, 0.5, 0.1, 0.09, 0.0225, 0.0])


def test_suspects_that_are_below_the_hypotheses_are_shown_as_they_are() -> None:
    assert services(ended((), suspects(db=1.0, web=0.3))) == [{"service": "db", "confidence": 1.0}, {"service": "web", "confidence": 0.3}]
    assert services(ended((thought("db", 0.8),), suspects(web=0.3)))[1] == {"service": "web", "confidence": 0.3}
    assert services(ended()) == []


@given(st.lists(st.floats(0.01, 1), max_size=4), st.lists(st.floats(0, 1), max_size=6, unique=True))
def test_every_suspect_is_listed_once_below_the_hypotheses_and_in_order(confidences: list[float], scores: list[float]) -> None:
    confidences, scores = sorted(confidences, reverse=True), sorted(scores, reverse=True)
    said = tuple(thought(f"h{at}", confidence) for at, confidence in enumerate(confidences))
    listed = services(ended(said, tuple(Suspect(service=f"s{at}", score=score) for at, score in enumerate(scores))))
    assert [one["service"] for one in listed] == [*(f"h{at}" for at in range(len(said))), *(f"s{at}" for at in range(len(scores)))]
    shown = [one["confidence"] for one in listed]
    assert shown == sorted(shown, reverse=True)
    if said and scores:
        assert shown[len(said)] < shown[len(said) - 1]


@pytest.mark.parametrize(
    ("truth", "rank"),
    [("db", 1), ("web", 3), ("cart", 3), ("api", 4), ("mail", 6), ("ads", 6), ("absent", 7)],
)
def test_equal_confidence_counts_against_the_true_service(truth: str, rank: int) -> None:
    said = (thought("db", 0.8), thought("web", 0.6), thought("cart", 0.6))
    case = score("1", ended(said, suspects(api=0.3, mail=0.1, ads=0.1)), (Answer(truth, "bad_deploy"),))
    assert (case["case"], case["rank"], case["mechanism_right"], case["confidence"], case["seconds"]) == ("1", rank, True, 0.8, 0.25)


def test_a_true_service_that_is_not_listed_is_never_among_the_first_five() -> None:
    one, none = score("1", ended((thought("web", 0.6),)), (Answer("db", ""),)), score("2", ended(), (Answer("db", "disk_io"),))
    assert (one["rank"], one["mechanism_right"], one["confidence"]) == (6, None, 0.6)
    assert (none["rank"], none["mechanism_right"], none["confidence"]) == (6, False, 0.0)
    told = measure("set", [one, none])
    assert [told["ac@1"], told["ac@5"], told["avg@5"], told["mrr"], told["mechanism"]] == [0, 0, 0, 0, None]


def test_without_a_truth_the_rest_is_the_same() -> None:
    said = ended((thought("db", 0.8),), suspects(web=0.3))
    known, unknown = score("1", said, (Answer("web", "disk_io"),)), score("1", said, None)
    assert unknown == {**known, "rank": None, "mechanism_right": None, "truth": ""}


def case(name: str, rank: int | None, confidence: float, *, right: bool | None = False, seconds: float = 0.1) -> Case:
    listed: list[Json] = [{"service": f"s{at}", "confidence": confidence} for at in range(9)]
    told = {"said": "bad_deploy", "truth": "" if rank is None else "disk_io", "calm": None}
    return {"case": name, "rank": rank, "mechanism_right": right, "confidence": confidence, "seconds": seconds, "services": listed, **told}  # type: ignore[typeddict-item]


def test_the_measures_of_a_set() -> None:
    cases = [
        case("a", 1, 0.83, right=True, seconds=0.3),
        case("b", 1, 0.4, seconds=0.1),
        case("c", 3, 0.81, right=True, seconds=0.2),
        case("d", 8, 0.0, seconds=0.9),
        case("e", None, 0.9, right=None, seconds=0.2),
    ]
    assert json.loads(json.dumps(measure("shop", cases))) == {
        "name": "shop",
        "n": 5,
        "ac@1": 0.5,
        "ac@3": 0.75,
        "ac@5": 0.75,
        "avg@5": 0.65,
        "mrr": 0.6146,
        "mechanism": 0.5,
        "seconds": {"median": 0.2, "p95": 0.9},
        "bands": [
            {"from": 0.0, "to": 0.2, "n": 0, "right": 0},
            {"from": 0.2, "to": 0.4, "n": 1, "right": 1},
            {"from": 0.4, "to": 0.6, "n": 0, "right": 0},
            {"from": 0.6, "to": 0.8, "n": 0, "right": 0},
            {"from": 0.8, "to": 1.0, "n": 2, "right": 1},
        ],
        "ece": round((abs(0.83 - 1 + 0.81) + abs(0.4 - 1)) / 4, 4),
        "healthy": {"n": 0, "calm": 0},
        "mechanisms": {"disk_io": {"n": 4, "first": 2, "mechanism": 1}},
        "cases": cases,
    }


def test_what_else_is_right_counts_as_well(tmp_path: Path) -> None:
    truth = {"service": "db", "mechanism": "disk_io", "accept": [{"service": "db-2"}, {"mechanism": "slow_queries"}]}
    (tmp_path / "case.json").write_text(json.dumps({"truth": truth}))
    right = answers(tmp_path)
    assert right == (("db", "disk_io"), ("db-2", "disk_io"), ("db", "slow_queries"))
    both = score("1", ended((thought("db-2", 0.6), thought("db", 0.6))), right)
    assert (both["rank"], both["mechanism_right"]) == (1, False)


def test_of_a_healthy_case_it_is_right_to_blame_nobody(tmp_path: Path) -> None:
    (tmp_path / "case.json").write_text(json.dumps({"truth": {"service": None, "mechanism": None}}))
    right = answers(tmp_path)
    cases = [score(str(sure), ended((thought("web", sure),)), right) for sure in (0.49, 0.5)]
    assert [(one["rank"], one["mechanism_right"], one["calm"]) for one in cases] == [(None, None, True), (None, None, False)]
    assert measure("set", cases)["healthy"] == {"n": 2, "calm": 1}


def test_a_set_without_any_truth_is_not_measured() -> None:
    told = measure("shop", [case("a", None, 0.9, right=None)])
    assert {name for name, value in told.items() if value is None} == {"ac@1", "ac@3", "ac@5", "avg@5", "mrr", "mechanism", "ece"}
    assert (told["n"], told["seconds"], sum(band["n"] for band in told["bands"])) == (1, {"median": 0.1, "p95": 0.1}, 0)


def recorded(directory: Path, **changed: object) -> Path:
    """The demo's case, with something else in its `case.json`."""
    shutil.copytree(DEMO, directory)
    (directory / "case.json").write_text(json.dumps(json.loads((DEMO / "case.json").read_text()) | changed))
    return directory


def test_cases_are_found_in_folders_and_in_folders_of_these(tmp_path: Path) -> None:
    for name in ("one/b", "one/a", "two/c"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "case.json").touch()
    (tmp_path / "two" / "d").mkdir()
    (tmp_path / "two" / "d" / "spans.jsonl.gz").touch()  # its case.json is missing, which has to be said
    every = [tmp_path / name for name in ("one/a", "one/b", "two/c", "two/d")]
    assert find([tmp_path]) == tuple(every)
    assert find([tmp_path / "two", tmp_path / "one" / "b", tmp_path]) == (*every[2:], every[1], every[0])


def test_a_folder_without_cases_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=f"{tmp_path} holds no recorded case"):
        find([tmp_path])


def test_the_truth_changes_nothing_but_the_score_and_a_broken_case_stops_no_other(tmp_path: Path) -> None:
    told, silent, broken = recorded(tmp_path / "a"), recorded(tmp_path / "b", truth=None), recorded(tmp_path / "c")
    (broken / "spans.jsonl.gz").write_bytes(b"not gzip")
    answers = dict(investigated([told, broken, silent]))
    failed = answers.pop(broken)
    assert isinstance(failed, CaseError)
    assert str(broken / "spans.jsonl.gz") in str(failed)
    (shown,) = sets((path, answer) for path, answer in answers.items() if not isinstance(answer, CaseError))
    assert (shown["name"], shown["n"], shown["ac@1"], shown["mechanism"]) == (tmp_path.name, 2, 1.0, 1.0)
    first, second = shown["cases"]
    assert (first["rank"], second["rank"], second["mechanism_right"]) == (1, None, None)
    assert first["services"][0]["service"] == planted(told)["service"]
    assert (first["services"], first["confidence"]) == (second["services"], second["confidence"])


def test_an_agent_alone_and_without_some_telemetry() -> None:
    blind, alone, whole = (investigate(DEMO, without={"metrics", "logs", "spans"}), investigate(DEMO, AgentName.NETWORK), investigate(DEMO))
    assert not isinstance(blind, CaseError)
    assert blind["services"] == [{"service": "edge", "confidence": 0.0}], "it is affected, and nothing is known against it"
    assert (blind["confidence"], blind["mechanism_right"]) == (0.0, False)
    assert isinstance(alone, dict)
    assert isinstance(whole, dict)
    assert alone["services"] != whole["services"]
