"""The demo, as a person without accounts, servers or keys runs it."""

from __future__ import annotations

import asyncio
import io
import json
import re
import socket
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot import demo
from compass_core.budget import NO_ROOM
from compass_core.evaluation import planted
from tests import demo_incident
from tests.workspace.limits import check_message


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `compass demo --once --json` prints, with a key in the environment and nothing but loopback to talk to."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-used")
    monkeypatch.setenv("COMPASS_BUDGET_USD", "nonsense")
    connect = socket.socket.connect

    def loopback_only(self: socket.socket, address: Any) -> None:
        assert isinstance(address, str) or address[0] == "127.0.0.1", f"the demo talks to {address}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", loopback_only)
    out = io.StringIO()
    asyncio.run(demo.once(out, as_json=True))
    shown: dict[str, Any] = json.loads(out.getvalue())
    return shown


def test_once(told: dict[str, Any]) -> None:
    kinds = [(message["kind"], message.get("agent")) for message in told["messages"]]
    assert kinds == [
        ("root", None),
        ("agent", "application"),
        ("agent", "database"),
        ("agent", "network"),
        ("charts", None),
        ("final", None),
    ]
    charts = told["messages"].pop(-2)
    check_message(charts["text"], charts["blocks"])
    assert [block["title"][:2] for block in charts["blocks"]] == ["1.", "2."]
    for message in told["messages"]:
        assert (message["cost_usd"], message["budget_usd"]) == ("0.0000", "10.00")
        assert "$0.0000 / $10.00" in json.dumps(message["blocks"])
        check_message(message["text"], message["blocks"])
    assert set(told["planted"]) == {"service", "mechanism"}
    first = told["hypotheses"][0]
    assert {name: first[name] for name in told["planted"]} == told["planted"]
    assert first["rank"] == 1
    assert first["evidence_for"]
    assert f"1. {first['service']}: " in told["messages"][-1]["text"]
    assert f"{first['confidence']:.0%}" in told["messages"][-1]["text"]
    assert sum(len(message["text"].split()) for message in told["messages"]) <= 400, "a thread is read at 3 a.m."
    assert "Re-investigate" in json.dumps(told["messages"][-1]["blocks"])


def test_the_picture_in_the_readme_is_what_it_says(told: dict[str, Any]) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    drawn = re.search(r"!\[(.*?)\]\((.*?)\)", readme, re.DOTALL)
    assert drawn
    said = "\n".join(message["text"] for message in told["messages"])
    assert [line for line in drawn[1].split(";\n") if line not in said] == []
    picture = Path(__file__).parents[2] / drawn[2]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 150_000


def test_the_loudest_is_not_the_cause(told: dict[str, Any]) -> None:
    """In the final message victims come after the planted cause, though they were seen with scores as high."""
    planted, (first, *rest) = told["planted"]["service"], told["hypotheses"]
    assert first["service"] == planted
    others = [one for one in rest if not {*one["evidence_for"]} & {*first["brought_about_by"]}]  # but the change that brought it about
    assert first["confidence"] > others[0]["confidence"] + 0.2, "well above the second"
    victims = [one["confidence"] for one in others if one["service"] != planted]
    assert victims
    assert max(victims) < 0.1


async def test_the_obvious_suspect_of_the_second_incident_is_innocent() -> None:
    """`web-shop` was deployed just before and fails loudest."""
    async with demo._running(0) as (workspace, compass, _):
        await workspace.command("investigate INC-43")
        found = await asyncio.wait_for(demo.ended(workspace, compass), 60)
    first = found.hypotheses[0]
    assert {"service": first.service, "mechanism": first.mechanism} == planted(demo_incident.SECOND)
    seen = [one for one in found.observations.values() if one.service == "web-shop"]
    assert {"deploy", "error_ratio"} <= {one.signal for one in seen}
    assert all(one.confidence < 0.2 for one in found.hypotheses if one.service == "web-shop")


async def test_the_demos_model_costs_and_the_budget_stops_it_until_it_is_raised() -> None:
    async with demo._running(0, None, 0.0) as (workspace, compass, _):
        for nth, (budget, refined) in enumerate((("10", 2), ("0.004", 1), ("0", 0)), 1):
            await workspace.command(f"investigate INC-42 --budget {budget}")
            found = await asyncio.wait_for(demo.ended(workspace, compass, nth), 60)
            assert (found.total_cost > 0) == (refined > 0)
            assert len([run for run in found.runs if not run.unrefined]) >= refined
            assert any(run.unrefined == NO_ROOM for run in found.runs) == (budget == "0.004")
        final = next(one for one in workspace.messages if "Raise the budget" in json.dumps(one.blocks))
        await workspace.click(final.channel, final.ts, "raise")
        raised = await asyncio.wait_for(demo.ended(workspace, compass, 4), 60)
        assert not any(run.unrefined == NO_ROOM for run in raised.runs)
        assert raised.investigation.budget == Decimal("0.008")
        assert "The model says" in workspace.messages[-1].text
