"""Prices: from the list that is shipped, or configured; the worst case is never less than a bill."""

from __future__ import annotations

import sys
from decimal import Decimal
from subprocess import run

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compass_core.errors import SettingsError
from compass_core.llm.prices import Tariff, tariff

OPENAI = "https://api.openai.com/v1"
MILLION = 1_000_000


def usage(tokens: int, cached: int, out: int, reasoning: int = 0, tier: str = "default") -> dict[str, object]:
    told = {
        "prompt_tokens": tokens,
        "completion_tokens": out,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    return {"model": "whatever", "usage": told, "service_tier": tier}


@pytest.mark.parametrize(
    ("model", "told", "cost"),
    [
        ("gpt-4o-mini", usage(MILLION, 0, 0), "0.15"),
        ("gpt-4o-mini", usage(MILLION, MILLION, 0), "0.075"),
        ("gpt-4o-mini", usage(0, 0, MILLION, reasoning=MILLION), "0.60"),
        ("gpt-4o-mini-2024-07-18", usage(1000, 400, 100), "0.00018"),
        ("gpt-5", usage(MILLION, 0, MILLION), "11.25"),
        ("gpt-5", usage(MILLION, 0, MILLION, tier="flex"), "11.25"),  # was not asked for
        ("gpt-5", usage(MILLION, 0, MILLION, tier="priority"), "22.5"),
        ("gpt-5.4", usage(200_000, 0, 1000), "0.515"),
        ("gpt-5.4", usage(300_000, 0, 1000), "1.5225"),
    ],
)
def test_cached_and_reasoning_tokens_tiers_and_long_prompts_count_as_they_are_billed(
    model: str, told: dict[str, object], cost: str
) -> None:
    assert tariff(model, OPENAI).cost(told) == Decimal(cost)


@pytest.mark.parametrize(
    ("model", "tokens", "worst"),
    [
        ("gpt-4o-mini", 1000, "0.00125"),  # 0.25 and 1.00 in the tier `priority`
        ("gpt-5.4", 1000, "0.035"),
        ("gpt-5.4", 300_000, "1.53"),  # a long prompt costs twice as much, but no more than in the tier `priority`
    ],
)
def test_the_worst_case_is_at_the_dearest_rate_that_can_apply(model: str, tokens: int, worst: str) -> None:
    assert tariff(model, OPENAI).worst(tokens, 1000) == Decimal(worst)


MODELS = ("gpt-4o-mini", "gpt-4o", "gpt-5", "gpt-5.4", "gpt-5.4-pro", "gpt-5.6-sol", "o3", "gpt-4.1-nano")


@given(st.sampled_from(MODELS), st.integers(0, MILLION), st.data(), st.sampled_from(("default", "flex", "priority", "fast", "scale", "?")))
def test_no_bill_within_the_tokens_passes_the_worst_case(model: str, tokens: int, data: st.DataObject, tier: str) -> None:
    prices = tariff(model, OPENAI)
    cached, out = data.draw(st.integers(0, tokens)), data.draw(st.integers(0, 4096))
    cost = prices.cost(usage(tokens, cached, out, reasoning=data.draw(st.integers(0, out)), tier=tier))
    assert cost is not None
    assert cost <= prices.worst(data.draw(st.integers(tokens, 2 * MILLION)), 4096)


@given(st.sampled_from(MODELS), st.integers(0, 400_000), st.integers(0, 4096), st.integers(0, 400_000), st.data())
def test_whatever_tokens_stand_in_the_total_alone_may_be_they_are_paid_for(
    model: str, tokens: int, out: int, missing: int, data: st.DataObject
) -> None:
    prices, of_these_in = tariff(model, OPENAI), data.draw(st.integers(0, missing))
    told = usage(tokens, 0, out)
    told["usage"] = {"prompt_tokens": tokens, "completion_tokens": out, "total_tokens": tokens + out + missing}
    believed, true = prices.cost(told), prices.cost(usage(tokens + of_these_in, 0, out + missing - of_these_in))
    assert believed is not None
    assert true is not None
    assert believed >= true


@pytest.mark.parametrize(("least_in", "least_out", "believed"), [(100, 10, True), (101, 10, False), (100, 11, False)])
def test_a_bill_of_fewer_tokens_than_there_were_is_not_believed(least_in: int, least_out: int, *, believed: bool) -> None:
    assert (tariff("gpt-4o-mini", OPENAI).cost(usage(100, 0, 10), least_in, least_out) is not None) == believed


def test_a_configured_price_wins_and_needs_no_known_server() -> None:
    mine = tariff("gpt-4o-mini", OPENAI, configured=(Decimal(1), Decimal(2), Decimal("0.5")))
    assert mine.cost(usage(MILLION, 0, MILLION)) == 3
    assert mine.cost(usage(MILLION, MILLION, 0)) == Decimal("0.5")
    assert mine.provider == "openai_compatible"
    without_cached = tariff("qwen3:8b", "http://127.0.0.1:11434/v1", configured=(Decimal(1), Decimal(2)))
    assert without_cached.cost(usage(MILLION, MILLION, MILLION)) == without_cached.worst(MILLION, MILLION) == 3


def test_what_is_declared_free_costs_nothing() -> None:
    free = tariff("qwen3:8b", "http://127.0.0.1:11434/v1", free=True)
    assert free.worst(MILLION, MILLION) == free.cost(usage(MILLION, 0, MILLION)) == 0


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("gpt-4o-minni", OPENAI),
        ("gpt-4o-mini", "http://127.0.0.1:8080/v1"),
        ("whisper-1", OPENAI),  # by the hour, not by the token
    ],
)
def test_a_price_that_is_not_known_is_a_settings_error_that_says_what_to_do(model: str, url: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        tariff(model, url)
    text = str(wrong.value)
    assert text.startswith("COMPASS_PRICES: ")
    assert f"the price of {model} at {url} is not known" in text
    assert "COMPASS_MODEL_FREE=true" in text
    assert f"Example: COMPASS_PRICES={model}=0.15/0.60" in text


@pytest.mark.parametrize(
    ("model", "url", "provider"),
    [
        ("gpt-4o-mini", OPENAI, "openai"),
        ("gpt-4o-mini", "https://me.openai.azure.com/openai/v1", "azure.ai.openai"),
        ("deepseek-chat", "https://api.deepseek.com", "deepseek"),
    ],
)
def test_the_provider_is_found_by_the_url(model: str, url: str, provider: str) -> None:
    found = tariff(model, url)
    assert isinstance(found, Tariff)
    assert found.provider == provider
    assert found.cost(usage(MILLION, 0, MILLION)) is not None


def test_nothing_is_fetched() -> None:
    program = (
        "import socket, sys\n"
        "def refuse(*_): raise AssertionError('a connection')\n"
        "socket.socket.connect = refuse\n"
        "import threading; from compass_core.llm.prices import tariff\n"
        f"tariff('gpt-4o-mini', {OPENAI!r}).worst(1, 1)\n"
        "assert threading.active_count() == 1, threading.enumerate()"
    )
    assert run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603 - our own program
