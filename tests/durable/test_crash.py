"""A process is killed in the middle of an investigation, another goes on with it: nothing is lost, nothing happens twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.durable.crash import Result, killed, passed
from tests.lab.postgres import fresh

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.postgres import Postgres

DROPS = ("chat.postMessage",)  # Slack takes the first post and drops the connection


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, list[str]]:
    """What comes of it without a crash, and the boundaries that are passed then."""
    folder = tmp_path_factory.mktemp("whole")
    return (await killed(folder, 0, drops=DROPS))[0], passed(folder)


def nth(names: list[str], name: str, count: int) -> int:
    """Which boundary is the nth with that name, counted from one."""
    return [index for index, each in enumerate(names, 1) if each == name][count - 1]


@pytest.mark.parametrize(
    ("name", "count", "in_flight"),
    [
        ("before looking at log lines", 2, False),
        ("after the model's call", 1, True),  # billed, and not yet written down
        ("after the database's close", 1, False),  # written down, but the agent's step is not
        ("after Slack's chat_postMessage", 3, False),  # there, but not recorded
        ("after the database's claim", 2, False),  # announced, but not there
        ("after the database's closed", 1, False),  # its end is kept, and nobody was told
    ],
)
async def test_killed_at_that_point_it_ends_as_without_a_crash(
    tmp_path: Path, whole: tuple[Result, list[str]], name: str, count: int, *, in_flight: bool
) -> None:
    came, died_at = await killed(tmp_path, nth(whole[1], name, count), drops=DROPS)
    assert died_at == name
    assert came.wrong(whole[0], in_flight=in_flight) == []
    assert came.spent >= whole[0].spent
    assert not in_flight or came.attempts == whole[0].attempts + 1, "the call that was in flight counts too, as the most that it may cost"


@pytest.mark.lab
@pytest.mark.parametrize(("name", "count"), [("after the database's reserve", 2), ("after Slack's chat_postMessage", 2)])
async def test_the_same_on_postgresql(
    tmp_path: Path, whole: tuple[Result, list[str]], name: str, count: int, postgres_server: Postgres
) -> None:
    came, died_at = await killed(tmp_path, nth(whole[1], name, count), fresh(postgres_server.url), DROPS)
    assert died_at == name
    assert came.wrong(whole[0], in_flight="reserve" in name) == []
