"""What a model is told, as text."""

from __future__ import annotations

import json
import string
from dataclasses import replace
from datetime import timedelta

import pytest
import toktok
from hypothesis import given, settings
from hypothesis import strategies as st

from compass_core.domain import AgentName, Edge, Findings, Incident, Outcome, Run, Suspect
from compass_core.hypotheses.known import Known
from compass_core.hypotheses.mechanisms import MECHANISMS
from compass_core.hypotheses.prompts import MOST_TOKENS, ORDER, ROOM, SYSTEM, chosen, fence_of, messages, weight
from compass_core.hypotheses.refine import Answer
from compass_core.llm.wire import schema_of
from tests.fakes import START, observation
from tests.hypotheses.knowing import APPLICATION, DATABASE, NETWORK, known, thought

SCHEMA = json.dumps(schema_of(Answer, bounds=True))
FRAME = 16  # tokens with which a chat frames two messages

LETTERS = string.ascii_letters + string.digits
WORDS = [
    "the request to bookings timed out after waiting for a connection",
    "FATAL",
    "GET",
    "/events/{id}/seats",
    "node-b",
    "10.2.3.4:5432",
    "10.4",
]
TEXTS = {
    "words": st.lists(st.sampled_from(WORDS), min_size=1, max_size=60).map(" ".join),
    "letters": st.text(string.ascii_lowercase + " ", min_size=200, max_size=300),
    "ids": st.text(LETTERS + "-", min_size=200, max_size=300),
    "printable": st.text(string.printable, min_size=200, max_size=300),
    "any": st.text(min_size=100, max_size=300),
    "beyond ASCII": st.text(st.characters(min_codepoint=0x80), min_size=100, max_size=300),
    "signs": st.text(string.punctuation, min_size=200, max_size=300),
}


def tokens(*texts: str) -> int:
    return sum(toktok.batch_count(list(texts), "o200k_base"))


def test_the_whole_question() -> None:
    system, user = messages(known(thought("db", "connection_exhaustion", 0.92, "D1")))
    fence = user.text.partition("\n")[0]
    assert (system.role, user.role) == ("system", "user")
    assert system.text == (
        f"{SYSTEM}\n\nYou refine the database agent: connections and pools, locks, queries, replication, caches and disks. "
        f"The data stands between two lines that read {fence}"
    )
    assert user.text.split("\n") == [
        fence,
        "incident\tINC-1\tcheckout is slow\t\tcheckout\t",
        "call\tweb\tdb\tpostgresql",
        "suspect\tdb\t0.90",
        "suspect\tweb\t0.10",
        "seen\tD1\tdb\tdb_connections_of_limit\t0.97\t0.24\t-90\t1.00\t97% used, usually 24%",
        "seen\tA1\tweb\terror_ratio\t\t\t\t0.80\tseen",
        "seen\tD2\tdb\tdb_locks\t\t\t\t0.50\tseen",
        "seen\tA2\tweb\terror_ratio\t\t\t\t0.30\tseen",
        "thought\tdatabase\tdb\tconnection_exhaustion\t0.92\tD1\t",
        "thought\tapplication\tweb\tbad_deploy\t0.60\tA1\t",
        fence,
        "Refine what the database agent thinks.",
    ]


def test_the_system_text_names_every_mechanism_and_every_kind_of_line() -> None:
    for name, meaning in MECHANISMS.items():
        assert f"\n{name}: {meaning}" in SYSTEM
    for kind in ORDER:
        assert f"\n{kind}: " in SYSTEM
    for field in Answer.model_json_schema()["$defs"]["Cause"]["properties"]:
        assert field in SYSTEM


def test_the_stable_part_comes_first_and_is_long_enough_to_be_cached() -> None:
    """Servers cache what several questions begin with, from 1,024 tokens on; the answer's schema counts as their beginning."""
    first = [messages(known(agent=agent))[0].text for agent in AgentName]
    assert all(text.startswith(SYSTEM) for text in first)
    assert len(set(first)) == 3
    assert messages(known()) == messages(known()), "the same knowledge gives the same text"


@given(st.text(), st.text(string.hexdigits))
def test_no_data_holds_its_fence(text: str, more: str) -> None:
    data = text + more
    fence = fence_of(data)
    assert fence not in data
    assert fence == fence_of(data)
    assert fence_of(f"{data}\n{fence}") not in f"{data}\n{fence}", "also where it guesses the fence of what it was"


@given(st.text(), st.text())
def test_no_text_from_outside_begins_a_line_a_field_or_ends_the_data(name: str, said: str) -> None:
    seen = observation(APPLICATION, "A1", name).model_copy(update={"summary": said, "signal": said})
    edge = Edge(caller=said, callee=name, system=said)
    incident = Incident(id=name, title=said, services=(name, said), started_at=START, severity=said, description=said)
    system, user = messages(Known(APPLICATION, incident, Findings(observations=(seen,), edges=(edge,)), (), ()))
    fence, *lines, end, _ = user.text.split("\n")
    assert end == fence
    assert [(line.split("\t")[0], line.count("\t")) for line in lines] == [("incident", 5), ("call", 3), ("seen", 8)]
    assert user.text.count(fence) == 2
    assert system.text.endswith(fence)


def large(said: str) -> Known:
    """Three agents that saw 40 things each, 12 hypotheses, many services: all of it says `said`."""

    def run(agent: AgentName) -> Run:
        letter = agent[0].upper()
        seen = [
            observation(agent, f"{letter}{n}", f"{n}{said}", said).model_copy(
                update={
                    "summary": f"{n} {said}",
                    "onset": START - timedelta(seconds=n),
                    "value": 12345.678 / (n + 1),
                    "baseline_value": n / 7,
                }
            )
            for n in range(40)
        ]
        thoughts = [thought(f"{n}{said}", "latency_in_service", 0.5, *(f"{letter}{i}" for i in range(n, n + 9))) for n in range(4)]
        edges = tuple(Edge(caller=f"{n}{said}", callee=f"{n + 1}{said}") for n in range(60))
        suspects = tuple(Suspect(service=f"{n}{said}", score=0.5) for n in range(30))
        findings = Findings(observations=tuple(seen), edges=edges, suspects=suspects)
        return Run(agent=agent, outcome=Outcome.ANSWERED, findings=findings, hypotheses=tuple(thoughts))

    runs = [run(agent) for agent in AgentName]
    incident = Incident(id=said, title=said, services=(said,) * 9, started_at=START, severity=said, description=said * 9)
    return Known(NETWORK, incident, runs[2].findings, runs[:2], runs[2].hypotheses)


@pytest.mark.parametrize("kind", TEXTS)
@settings(max_examples=25, deadline=None)
@given(st.data())
def test_an_incident_of_any_size_fits(kind: str, data: st.DataObject) -> None:
    asked = messages(large(data.draw(TEXTS[kind])))
    assert tokens(*(message.text for message in asked), SCHEMA) + FRAME <= MOST_TOKENS


@given(st.sampled_from(sorted(TEXTS)).flatmap(TEXTS.__getitem__))
def test_the_data_is_bounded_also_where_text_is_made_to_be_dear(said: str) -> None:
    lines = chosen(large(said))
    assert sum(weight(str(line)) for line in lines) <= ROOM
    assert lines[0].kind == "incident"


def test_what_is_cited_is_told_before_what_is_not() -> None:
    cited = ("N3", "N11", "A7", "D9")
    given_ = large("word " * 20)
    some = Known(given_.agent, given_.incident, given_.findings, given_.earlier, (thought("0", "bad_deploy", 0.5, *cited),))
    told = [line.fields[0] for line in chosen(some) if line.kind == "seen"]
    assert set(cited) <= set(told)


def test_the_agents_own_observations_come_before_weaker_ones_of_others() -> None:
    told = [line.fields[0] for line in chosen(known(agent=DATABASE)) if line.kind == "seen"]
    assert told == ["A1", "D1", "D2", "A2"], "A1 is cited"


def test_calls_between_what_is_blamed_are_told_before_others() -> None:
    before, between, after = (Edge(caller=caller, callee=callee) for caller, callee in (("edge", "shop"), ("web", "db"), ("shop", "web")))
    one = known(thought("db", "lock_contention", 0.5, "D1"))  # the agent before this one blames `web`
    some = Known(one.agent, one.incident, Findings(edges=(before, after, between)), one.earlier, one.proposed)
    assert [line.fields[:2] for line in chosen(some) if line.kind == "call"] == [("web", "db"), ("shop", "web"), ("edge", "shop")]


def test_a_hint_is_data_of_one_line() -> None:
    asked = known(thought("db", "connection_exhaustion", 0.92, "D1"))
    hinted = replace(asked, incident=asked.incident.model_copy(update={"hint": "look at redis\nincident\tx" + " !" * 400}))
    (line,) = [line for line in chosen(hinted) if line.kind == "hint"]
    assert str(line).startswith("hint\tlook at redis incident x ! !")
    assert "\n" not in str(line)
    assert [line for line in chosen(asked) if line.kind == "hint"] == []
