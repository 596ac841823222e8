"""The store on real SQLite files and a real PostgreSQL: what it keeps, what it refuses, and two of them on one database."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
import structlog

from compass_core.budget import Attempt, Bill, Caps
from compass_core.database import engine_of
from compass_core.domain import Address, AgentName, Conclusion, Feedback, Hypothesis, Incident, Investigation, Outcome, Post, Run
from compass_core.errors import AlreadyRunningError, SettingsError, StoreError
from compass_core.store import Store
from tests.lab.postgres import fresh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.postgres import Postgres

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "compass.db"


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    store = Store(database)
    yield store
    store.dispose()


@pytest.fixture
def other(database: str, store: Store) -> Iterator[Store]:
    other = Store(database)
    yield other
    other.dispose()


def investigation(key: str = "run-1", incident: str = "f00d", **values: object) -> Investigation:
    what = Incident(
        id=incident, title="Orders fail: «Störung» 🔥", services=("orders", "orders-db"), started_at=NOON, origin="alertmanager"
    )
    return Investigation(id=key, incident=what, started_at=NOON + timedelta(minutes=5), budget=Decimal("10.00")).model_copy(update=values)


def conclusion(of: Investigation, **values: object) -> Conclusion:
    guess = Hypothesis(
        agent=AgentName.DATABASE, service="orders-db", mechanism="lock", statement="…", initial_confidence=0.7, confidence=0.7
    )
    run = Run(agent=AgentName.DATABASE, outcome=Outcome.ANSWERED, hypotheses=(guess,))
    ended = Conclusion(
        investigation=of,
        outcome=Outcome.OUT_OF_BUDGET,
        reason="$0.30 does not fit",
        runs=(run,),
        hypotheses=(guess,),
        costs={AgentName.APPLICATION: Decimal("0.1000"), AgentName.DATABASE: Decimal("0.0021"), AgentName.NETWORK: Decimal(0)},
        seconds=12.5,
    )
    return ended.model_copy(update=values)


async def test_declared_incidents_get_numbers_and_are_found_in_any_case(store: Store) -> None:
    first = await store.declare("Bookings fail", "bookings", NOON)
    second = await store.declare("Логи пусты 🚨", "поиск", NOON)
    assert (first.id, second.id) == ("INC-1", "INC-2")
    assert first == Incident(id="INC-1", title="Bookings fail", services=("bookings",), started_at=NOON, origin="declared")
    for reference in ("INC-2", "inc-2", " Inc-002 "):
        assert await store.find(reference) == second
    assert await store.known() == ("INC-2", "INC-1")


@pytest.mark.parametrize(
    "reference", ["", "INC-3", "INC-", "INC-1x", "1", "INC--1", "INC-٣", "INC-" + "9" * 18, "INC-" + "9" * 40, "x' OR 1=1"]
)
async def test_a_reference_that_is_not_declared_is_none(store: Store, reference: str) -> None:
    await store.declare("Bookings fail", "bookings", NOON)
    assert await store.find(reference) is None


async def test_known_is_the_latest_fifty(store: Store) -> None:
    for number in range(60):
        await store.declare(f"trouble {number}", "bookings", NOON)
    known = await store.known()
    assert (len(known), known[0], known[-1]) == (50, "INC-60", "INC-11")


async def test_an_id_is_not_given_again_when_its_row_is_gone(store: Store, database: str) -> None:
    await store.declare("one", "bookings", NOON)
    await store.declare("two", "bookings", NOON)
    spoil(database, "DELETE FROM incidents WHERE id = 2")
    assert (await store.declare("three", "bookings", NOON)).id == "INC-3"


async def test_an_open_investigation_is_running_until_it_is_closed(store: Store) -> None:
    later, first = investigation("b", "x", started_at=NOON + timedelta(hours=1)), investigation("a", "y")
    await store.opened(later)
    await store.opened(first)
    assert await store.running() == (first, later)
    await store.closed(conclusion(first))
    assert await store.running() == (later,)
    assert await store.investigation("a") == first
    assert await store.investigation("nowhere") is None


async def test_a_conclusion_comes_back_without_runs(store: Store) -> None:
    asked = investigation(only=AgentName.DATABASE, again=True)
    await store.opened(asked)
    await store.closed(conclusion(asked))
    assert await store.recent(5) == (conclusion(asked, runs=()),)
    (kept,) = await store.recent(5)
    assert str(kept.total_cost) == "0.1021"


async def test_recent_is_in_the_order_of_ending(store: Store) -> None:
    many = [investigation(f"run-{n}", f"incident-{n}") for n in range(30)]
    for each in many:
        await store.opened(each)
    for each in reversed(many):
        await store.closed(conclusion(each))
    assert [each.investigation.id for each in await store.recent(3)] == ["run-0", "run-1", "run-2"]
    assert len(await store.recent(100)) == 30


async def test_a_second_investigation_of_a_running_incident_is_refused_and_told_which_runs(store: Store, other: Store) -> None:
    await store.opened(investigation("run-1"))
    with pytest.raises(AlreadyRunningError) as refused:
        await other.opened(investigation("run-2"))
    assert refused.value.investigation == "run-1"
    assert await store.investigation("run-2") is None
    await other.closed(conclusion(investigation("run-1")))
    await store.opened(investigation("run-2"))
    assert [each.id for each in await other.running()] == ["run-2"]


async def test_opening_twice_keeps_one_and_opening_what_has_ended_is_an_error(store: Store) -> None:
    await store.opened(investigation())
    moved = investigation().model_copy(update={"started_at": investigation().started_at + timedelta(minutes=5)})
    assert await store.opened(moved) == (investigation(), 0), "what a process asked for before it died stays"
    assert len(await store.running()) == 1
    await store.closed(conclusion(investigation()))
    with pytest.raises(StoreError, match="run-1 has ended"):
        await store.opened(investigation())


async def test_closing_twice_keeps_the_first_conclusion(store: Store, other: Store) -> None:
    await store.opened(investigation())
    await store.closed(conclusion(investigation()))
    await other.closed(conclusion(investigation(), outcome=Outcome.STOPPED, reason="interrupted by a restart"))
    assert [each.outcome for each in await store.recent(5)] == [Outcome.OUT_OF_BUDGET]


async def test_two_stores_racing_on_one_file_open_one_investigation_per_incident(store: Store, other: Store) -> None:
    asked = [(each, investigation(f"run-{n}-{each is other}", f"incident-{n}")) for n in range(20) for each in (store, other)]
    results = await asyncio.gather(*(each.opened(wanted) for each, wanted in asked), return_exceptions=True)
    refused = [result for result in results if isinstance(result, BaseException)]
    assert len(refused) == 20
    assert all(isinstance(error, AlreadyRunningError) for error in refused)
    running = {each.id for each in await store.running()}
    assert len(running) == 20
    assert {error.investigation for error in refused if isinstance(error, AlreadyRunningError)} == running


async def test_processes_that_open_one_new_file_at_once_all_get_numbers(database: str) -> None:
    program = (
        "import asyncio, sys; from datetime import UTC, datetime; from compass_core.store import Store\n"
        "store = Store(sys.argv[1])\n"
        "for n in range(5): print(asyncio.run(store.declare('t', 's', datetime.now(UTC))).id)"
    )
    command = [sys.executable, "-c", program, database]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]  # noqa: S603, ASYNC220 - our own program; the test has nothing else to do
    given = [each.communicate()[0].split() for each in started]
    assert sorted(sum(given, [])) == sorted(f"INC-{n}" for n in range(1, 16))  # noqa: RUF017 - three short lists


async def test_what_was_kept_survives_reopening(database: str) -> None:
    first = Store(database)
    declared = await first.declare("Bookings fail", "bookings", NOON)
    await first.opened(investigation("a"))
    await first.closed(conclusion(investigation("a")))
    await first.opened(investigation("b"))
    await first.record(Post(investigation="b", step="root", channel="C1", ts="1.2"))
    first.dispose()
    second = Store(database)
    assert await second.find("INC-1") == declared
    assert await second.running() == (investigation("b"),)
    assert await second.recent(5) == (conclusion(investigation("a"), runs=()),)
    assert await second.posted("b", "root") == Post(investigation="b", step="root", channel="C1", ts="1.2")
    second.dispose()


async def test_the_first_claim_of_a_step_stays_and_says_where_once_that_is_known(store: Store, other: Store) -> None:
    post = Post(investigation="run-1", step="root", channel="C1", thread_ts="1.0")
    assert await store.claim(post) is None
    assert await other.claim(post.model_copy(update={"channel": "C2"})) == post
    assert await store.posted("run-1", "root") is None, "nobody knows yet whether it is there"
    await other.record(post.model_copy(update={"ts": "2.2"}))
    assert await store.posted("run-1", "root") == await store.claim(post) == post.model_copy(update={"ts": "2.2"})
    assert await store.posted("run-1", "final") is None


async def test_one_incident_is_investigated_once_in_each_channel(store: Store, other: Store) -> None:
    here, there = (investigation(f"run-{channel}", address=Address(channel=channel)) for channel in ("C1", "C2"))
    assert [await store.opened(here), await other.opened(there)] == [(here, 0), (there, 1)]
    with pytest.raises(AlreadyRunningError):
        await other.opened(investigation("run-3", address=Address(channel="C1")))


async def test_a_thread_names_those_that_speak_in_it_the_newest_first(store: Store, other: Store) -> None:
    here = Address(channel="C1")
    for minute, (name, thread) in enumerate({"run-1": "", "run-2": "1.2", "run-3": ""}.items()):
        await store.opened(investigation(name, f"incident-{name}", address=here, started_at=NOON + timedelta(minutes=minute)))
        await store.record(Post(investigation=name, step="root", channel="C1", ts=f"{minute + 1}.2", thread_ts=thread))
        await store.record(Post(investigation=name, step="final", channel="C1", ts=f"9{minute}.2", thread_ts=thread or f"{minute + 1}.2"))
    assert await other.in_thread("C1", "1.2") == ("run-2", "run-1")
    assert await other.in_thread("C1", "3.2") == ("run-3",)
    assert await other.in_thread("C2", "1.2") == await other.in_thread("C1", "7.7") == ()
    assert await other.in_thread("C1", "%") == await other.in_thread("C1", "_.2") == ()


async def test_all_that_was_found_is_kept_and_forgotten_after_so_many_days(store: Store, database: str) -> None:
    await store.opened(investigation())
    await store.record(Post(investigation="run-1", step="root", channel="C1", ts="1.2"))
    assert await store.conclusion("run-1") is None
    await store.closed(conclusion(investigation()))
    await store.opened(investigation("run-2"))
    assert await store.conclusion("run-1") == conclusion(investigation())
    await store.answered(feedback())
    assert await store.forget(90) == []
    spoil(database, "UPDATE investigations SET ended_at = ended_at - 91 * 86400")
    assert await store.forget(90) == ["run-1"]
    assert await store.answered(feedback()), "what was said of it is forgotten, too"
    assert (await store.investigation("run-1"), await store.posted("run-1", "root")) == (None, None)
    assert await store.running() == (investigation("run-2"),), "what runs is never forgotten"


def feedback(person: str = "U1", **values: object) -> Feedback:
    said = Feedback(investigation="run-1", hypothesis="orders-db: lock", person=person, name=person, right=True)
    return said.model_copy(update=values)


async def test_what_people_say_is_kept_with_the_answer_and_their_last_word_counts(store: Store, other: Store) -> None:
    await store.opened(investigation())
    await store.closed(conclusion(investigation()))
    assert (await store.recent(1))[0].judged is None
    assert [await store.answered(feedback()), await other.answered(feedback())] == [True, False]
    assert await other.answered(feedback("U2", right=False))
    assert [(await store.conclusion("run-1")), (await store.recent(1))[0].judged] == [
        conclusion(investigation(), feedback=(feedback(), feedback("U2", right=False))),
        False,
    ]
    assert await store.answered(feedback("U2"))
    assert await store.answered(wrong := feedback(right=False, was="redis"))
    (ended,) = await store.recent(1)
    assert ended.feedback == (feedback("U2"), wrong)
    assert ended.judged is False


async def test_the_same_is_kept_once_however_often_it_is_said_at_once(store: Store, other: Store) -> None:
    assert sum(await asyncio.gather(*(each.answered(feedback()) for each in (store, other) * 4))) == 1


async def test_who_says_nothing_for_its_lease_is_taken_for_dead(store: Store, other: Store, database: str) -> None:
    assert await store.beat("a", 10) == {"a"}
    assert await other.beat("b", 10) == {"a", "b"}
    spoil(database, "UPDATE processes SET seen = seen - 11 WHERE id = 'a'")
    assert await other.beat("b", 10) == {"b"}
    assert not await store.lives("a")
    await other.leave("b")
    assert not await store.lives("b")


async def test_however_many_wait_for_the_database_a_process_learns_in_time_who_lives(tmp_path: Path) -> None:
    """Else the others take it for dead, go on with its work beside it, and everything is said twice."""
    store = Store(f"sqlite:///{tmp_path}/compass.db")
    await store.beat("a", 10)
    with closing(sqlite3.connect(tmp_path / "compass.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        posts = [Post(investigation="i", step=str(n), channel="C", ts="1") for n in range(50)]
        waiting = asyncio.gather(*map(store.record, posts))
        assert await asyncio.wait_for(store.lives("a"), 5)
        other.execute("ROLLBACK")
    await waiting
    store.dispose()


async def test_whoever_runs_it_hears_that_it_shall_stop(store: Store, other: Store) -> None:
    await store.opened(investigation())
    await other.ask_to_stop("run-1", "stopped by sam")
    assert await store.to_stop(["run-1", "run-2"]) == {"run-1": "stopped by sam"}
    assert await store.to_stop(["run-2"]) == {}
    await store.closed(conclusion(investigation()))
    assert await store.to_stop(["run-1"]) == {}


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE investigations SET investigation = 'oops'", "investigation run-1"),
        ("""UPDATE investigations SET investigation = replace(investigation, '"budget":"10.00"', '"budget":"much"')""", "budget"),
        ("""UPDATE investigations SET investigation = replace(investigation, '"title"', '"called"')""", "incident.title"),
    ],
)
async def test_a_spoilt_row_is_named_once_and_the_others_are_read(store: Store, database: str, statement: str, named: str) -> None:
    await store.opened(investigation())
    await store.closed(conclusion(investigation()))
    spoil(database, statement)
    with pytest.raises(StoreError, match=named):
        await store.investigation("run-1")
    await store.opened(investigation("run-2"))
    spoil(database, statement + " WHERE id = 'run-2'")
    await store.opened(investigation("run-3", "beef"))
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            assert await store.running() == (investigation("run-3", "beef"),)
    assert ["run-2" in each["problem"] and named.replace("run-1", "run-2") in each["problem"] for each in logs] == [True]


ROW = "INSERT INTO investigations (id, incident, investigation) VALUES ('run-1', 'f00d', '{}')"
FIRST = (
    "CREATE TABLE incidents (id INTEGER PRIMARY KEY, incident TEXT NOT NULL)",
    "CREATE TABLE investigations (id VARCHAR(200) PRIMARY KEY, incident TEXT NOT NULL, investigation TEXT NOT NULL, ended INTEGER, conclusion TEXT)",
    "CREATE UNIQUE INDEX one_running_per_incident ON investigations (incident) WHERE ended IS NULL",
    "CREATE TABLE posts (investigation VARCHAR(200), step VARCHAR(200), post TEXT NOT NULL, PRIMARY KEY (investigation, step))",
)
LEDGER = "CREATE TABLE attempts (id INTEGER PRIMARY KEY, investigation VARCHAR(200) NOT NULL, attempt TEXT NOT NULL)"
ACCOUNTS = "ALTER TABLE attempts ADD COLUMN account VARCHAR(200) DEFAULT '' NOT NULL"


@pytest.mark.parametrize("made", [FIRST, (*FIRST, LEDGER), (*FIRST, LEDGER, ACCOUNTS)])
async def test_a_database_of_any_older_compass_is_opened_with_what_it_holds(database: str, made: tuple[str, ...]) -> None:
    """Also of those that knew no migrations."""
    number = "INTEGER PRIMARY KEY AUTOINCREMENT" if database.startswith("sqlite") else "SERIAL PRIMARY KEY"
    for statement in (*made, ROW.format(investigation("run-1").model_dump_json().replace("'", "''"))):
        spoil(database, statement.replace("INTEGER PRIMARY KEY", number))
    for _ in range(2):
        newer = Store(database)
        assert await newer.running() == (investigation("run-1"),)
        newer.dispose()
    newer = Store(database)
    attempt = Attempt(investigation="run-1", agent=AgentName.DATABASE, model="m", amount=Decimal("0.5"), account="T1:2026-01-05")
    await newer.reserve(attempt, Caps(Decimal(1), Decimal(1)))
    assert [one.amount for one in await newer.attempts("run-1")] == [Decimal("0.5")]
    await newer.closed(conclusion(investigation("run-1")))
    assert await newer.conclusion("run-1") == conclusion(investigation("run-1"))
    newer.dispose()


async def test_a_database_of_a_newer_compass_is_refused_and_stays(database: str) -> None:
    Store(database).dispose()
    spoil(database, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingsError, match="made by a newer Compass"):
        Store(database)
    spoil(database, "UPDATE alembic_version SET version_num = version_num WHERE version_num = '9999'")


async def test_a_database_that_stops_working_is_our_error(store: Store, database: str) -> None:
    spoil(database, "DROP TABLE posts")
    with pytest.raises(StoreError, match=r'no such table: posts|relation "posts" does not exist') as failed:
        await store.posted("run-1", "root")
    assert "SELECT" not in str(failed.value)


def spoil(database: str, statement: str) -> None:
    engine = engine_of(database)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.mark.lab
async def test_who_is_frozen_in_a_transaction_does_not_hold_up_the_others_for_long(postgres_server: Postgres) -> None:
    store = Store(url := fresh(postgres_server.url))
    await store.beat("a", 10)
    engine = engine_of(url)
    frozen = engine.connect()
    frozen.exec_driver_sql("DELETE FROM processes")
    assert await store.beat("a", 10) == {"a"}
    frozen.invalidate()
    engine.dispose()
    store.dispose()


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("compass.db", "is not a database URL"),
        ("", "is not a database URL"),
        ("nosuch://user:hunter2@host/db", "is not a database URL"),
        ("postgresql://user:hunter2@host:hunter2/db", "is not a database URL"),
        ("sqlite+aiosqlite:///compass.db", "needs the Python module aiosqlite"),
        ("sqlite://", "must name an SQLite file"),
        ("sqlite:///:memory:", "must name an SQLite file"),
        ("sqlite:///file:compass.db?mode=ro&uri=true", "must name an SQLite file"),
        ("sqlite:////nowhere/at/all/compass.db", "/nowhere/at/all does not exist; create it"),
        ("sqlite:////dev", "cannot be opened for writing"),
    ],
)
def test_a_wrong_url_is_a_settings_error_without_the_password(url: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem) as wrong:
        Store(url)
    text = f"{wrong.value} {wrong.value.__cause__}"
    assert str(wrong.value).startswith("COMPASS_DATABASE_URL: ")
    assert "hunter2" not in text


def test_a_file_that_is_no_database_is_a_settings_error_and_stays(path: Path) -> None:
    path.write_bytes(b"somebody's notes, not a database\n" * 50)
    with pytest.raises(SettingsError, match="not a database"):
        Store(f"sqlite:///{path}")
    assert path.read_bytes().startswith(b"somebody's notes")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_file_that_cannot_be_written_is_a_settings_error(path: Path) -> None:
    Store(f"sqlite:///{path}").dispose()
    path.chmod(0o400)
    with pytest.raises(SettingsError, match="cannot be opened for writing"):
        Store(f"sqlite:///{path}")


async def test_what_investigations_cost_is_what_the_ledger_holds_also_after_they_ended(store: Store) -> None:
    """One that goes on with another has paid for its own calls alone; a question is asked when all has ended."""
    roomy = Caps(Decimal(10), Decimal(10))
    for key, agent, amount in (("a", "application", "0.5"), ("b", "database", "0.25"), ("b", "application", "0.125")):
        attempt = Attempt(investigation=key, agent=AgentName(agent), model="m", amount=Decimal(amount))
        await store.close(await store.reserve(attempt, roomy), Bill.SETTLED, Decimal(amount))
    asked = Attempt(investigation="a", agent=AgentName.APPLICATION, model="m", amount=Decimal("0.0625"))
    await store.reserve(asked, roomy)
    assert await store.costs(["a", "b", "free"]) == {
        "a": {AgentName.APPLICATION: Decimal("0.5625")},
        "b": {AgentName.DATABASE: Decimal("0.25"), AgentName.APPLICATION: Decimal("0.125")},
    }
