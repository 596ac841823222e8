"""The modal with which an investigation is asked for again, or for an alert that does not say enough."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import change
from bot.workspace import ALEX, INCIDENTS, SAM
from compass_core.domain import Address, AgentName, Incident, Request
from compass_core.errors import RefusalError
from tests.bot.made import INCIDENT, START, FakeCompass
from tests.bot.test_app import answer, is_step, served
from tests.workspace.limits import check_view

if TYPE_CHECKING:
    from bot.workspace import Message
    from tests.workspace.strict import Workspace

HERE = Address(channel=INCIDENTS, thread_ts="1.2")
NOW = START + timedelta(hours=1)


def sent(incident: Incident = INCIDENT, request: Request | None = None, of: str = "0f3a", **typed: str) -> dict[str, Any]:
    """The form as Slack sends it back."""
    view = change.view(request or Request(budget=Decimal(10)), incident, HERE, of)
    check_view(view)
    values = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            name, element = block["block_id"], block["element"]
            if element["type"] == "plain_text_input":
                values[name] = {"said": {"value": typed.get(name, element.get("initial_value")) or None}}
            else:
                chosen = next((one for one in element["options"] if one["value"] == typed.get(name)), element["initial_option"])
                values[name] = {"said": {"selected_option": chosen}}
    return view | {"state": {"values": values}}


def parsed(before: Incident, **typed: str) -> Request:
    return change.parse(sent(before, **typed), NOW).again(before)  # type: ignore[arg-type]  # the form's own names


def changed(request: Request) -> Incident:
    assert request.incident
    return request.incident


def test_what_was_not_touched_is_as_it_was() -> None:
    incident = INCIDENT.model_copy(
        update={"environment": (("namespace", "shop"),), "waited": timedelta(minutes=5), "description": "d" * 5_000}
    )
    old = incident.model_copy(update={"started_at": datetime.fromisoformat("2020-01-01T00:00:00.123Z"), "hint": "redis"})
    over = old.model_copy(update={"ended_at": old.started_at + timedelta(minutes=9)})
    for one in (incident, old, over):
        wanted = change.parse(sent(one), NOW)
        assert (wanted.address, wanted.of) == (HERE, "0f3a")
        assert wanted.again(one).incident == one
        assert (wanted.request.budget, wanted.request.only) == (Decimal(10), None)


def test_everything_can_be_changed() -> None:
    alert = INCIDENT.model_copy(update={"origin": "alertmanager", "waited": timedelta(minutes=5)})
    assert not alert.by_hand
    request = parsed(
        alert,
        services="checkout, payment-db", environment="namespace=shop, cluster=eu-1", since="45m", until="20m", budget="2.50", only="database",
        hint="look at redis",
    )  # fmt: skip
    incident = changed(request)
    assert incident.services == ("checkout", "payment-db")
    assert incident.environment == (("namespace", "shop"), ("cluster", "eu-1"))
    assert (incident.started_at, incident.ended_at) == (NOW - timedelta(minutes=45), NOW - timedelta(minutes=20))
    assert (request.budget, request.only, request.again) == (Decimal("2.50"), AgentName.DATABASE, True)
    assert (incident.hint, incident.id, incident.title) == ("look at redis", INCIDENT.id, INCIDENT.title)
    assert incident.waited is None
    assert incident.by_hand, "since when is now what a person says"


@pytest.mark.parametrize(
    ("name", "typed", "told"),
    [
        ("services", "a b=c", "A name has letters"),
        ("services", "", "Say which services."),
        ("environment", "shop", "Write a label and its value"),
        ("since", "last christmas", "Write how long ago, such as 45m"),
        ("since", "9d", "at most 7d back"),
        ("since", "", "Say since when."),
        ("until", "soon", "Cannot be 'soon': write how long ago, such as 45m or 1h30m"),
        ("until", "2h", "later than the beginning"),
        ("budget", "lots", "Write US dollars from 0"),
    ],
)
def test_wrong_input_is_told_at_its_field(name: str, typed: str, told: str) -> None:
    with pytest.raises(change.WrongInputError) as caught:
        change.parse(sent(**{name: typed}), NOW)  # type: ignore[arg-type]
    assert set(caught.value.errors) == {name}
    assert told.lower() in caught.value.errors[name].lower()
    assert "--" not in caught.value.errors[name]


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(change.WrongInputError) as caught:
        change.parse(sent(services="=", since="=", budget="="), NOW)
    assert set(caught.value.errors) == {"services", "since", "budget"}


TEXT = st.text(max_size=300)


@given(st.lists(TEXT, min_size=6, max_size=6), TEXT)
def test_whatever_is_typed_is_a_request_or_errors_at_fields(typed: list[str], title: str) -> None:
    incident = INCIDENT.model_copy(update={"title": title * 20, "severity": title})
    names = ("services", "environment", "since", "until", "budget", "hint")
    errors: dict[str, str] = {}
    try:
        change.parse(sent(incident, **dict(zip(names, typed, strict=True))), NOW)  # type: ignore[arg-type]
    except change.WrongInputError as wrong:
        errors = wrong.errors
    assert all(errors.values())
    assert set(errors) <= set(names) - {"hint"}


async def opened(workspace: Workspace, user: str = ALEX) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while user not in workspace.board.views:
            await workspace.board.changed(workspace.board.version)
    return workspace.board.views[user]


@pytest.mark.parametrize("where", ["root", "final"])
async def test_change_asks_and_investigates_again_in_the_same_thread(compass: FakeCompass, workspace: Workspace, where: str) -> None:
    async with served(compass, workspace):
        await workspace.command("investigate INC-42")
        final = await workspace.wait_for(is_step("final"))
        root = await workspace.wait_for(lambda message: is_step("root")(message) and message.edited)
        await workspace.click(INCIDENTS, {"root": root, "final": final}[where].ts, "change", user=SAM)
        await opened(workspace, SAM)
        result = await workspace.submit({"since": "yesterdayish", "hint": "redis", "budget": "3"}, user=SAM)
        assert set(result.said["errors"]) == {"since"}
        assert SAM in workspace.board.views, "what was typed is still there"
        await workspace.submit({"services": "cart", "since": "30m", "budget": "3", "only": "network", "hint": "redis <!here>"}, user=SAM)
        await workspace.wait_for(lambda message: is_step("final")(message) and message.ts != final.ts)
    request = compass.requests[1]
    assert (request.only, request.budget, request.again) == (AgentName.NETWORK, Decimal(3), True)
    assert (changed(request).services, changed(request).hint, request.asked_by) == (("cart",), "redis <!here>", "sam")
    assert {message.thread_ts for message in workspace.messages[1:]} == {root.ts}


async def changing(workspace: Workspace) -> Message:
    """Its form is open: the final message of an investigation that has ended."""
    await workspace.command("investigate INC-42")
    final = await workspace.wait_for(is_step("final"))
    await workspace.wait_for(lambda message: is_step("root")(message) and message.edited)
    await workspace.click(INCIDENTS, final.ts, "change")
    await opened(workspace)
    return final


async def test_nobody_spends_more_than_they_may(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        await changing(workspace)
        result = await workspace.submit({"budget": "900"})
    assert "at most $10" in result.said["errors"]["budget"]
    assert len(compass.requests) == 1


async def test_what_is_refused_after_it_was_sent_is_told_in_the_channel(compass: FakeCompass, workspace: Workspace) -> None:
    async with served(compass, workspace):
        final = await changing(workspace)
        compass.broken = RefusalError("Nothing is known of chekcout.")
        await workspace.submit({"services": "chekcout"})
        told = await answer(workspace, "Nothing is known of chekcout.")
    assert (told.channel, told.thread_ts) == (INCIDENTS, final.thread_ts)
