"""Which services are looked at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from compass_core.agents.database import DatabaseAgent
from compass_core.agents.network import NetworkAgent
from compass_core.agents.scope import MOST_SERVICES, Scope, find_scope
from compass_core.domain import Edge, Window
from compass_core.errors import AmbiguousPlaceError, Reason
from compass_core.readings import LogLine, Reading, Reduction, Selection, Series
from tests.agents.asking import TIMES, answering, asked, down, family, view_of
from tests.analysis.spans import span
from tests.fakes import INCIDENT, START, FakeSource


async def scope(source: FakeSource, *affected: str) -> Scope:
    return await find_scope(view_of(source), affected, TIMES)


def series(name: str, service: str, by: tuple[str, ...], **labels: str) -> Series:
    selection = Selection("graph", name, Reduction.RATE, "service", ((service, service),), by=by)
    return Series(selection, service, labels, np.array([0.0]), np.array([1.0]), "q", "fake")


def chain(*services: str) -> tuple[Any, ...]:
    """Each service calls the next, in one trace."""
    return tuple(span(name, services[at - 1] if at else "", name) for at, name in enumerate(services))


async def test_what_the_affected_call_comes_breadth_first_then_who_calls_them() -> None:
    spans = (*chain("edge", "web", "cart", "db"), span("pay", "web", "pay"), span("other", "edge", "other"))
    found = await scope(answering(spans=spans), "web")
    assert found.services == ("web", "cart", "pay", "db", "edge", "other")
    assert found.affected == ("web",)
    assert Edge(caller="edge", callee="other") in found.edges


async def test_cycles_end() -> None:
    source = answering(spans=(*chain("web", "cart", "db"), span("back", "db", "web")))
    assert (await scope(source, "web")).services == ("web", "cart", "db")


@pytest.mark.parametrize(
    ("one", "edge"),
    [
        (
            series("http_client_request_duration_seconds_count", "web", ("server_address",), server_address="cart.shop.svc"),
            Edge(caller="web", callee="cart"),
        ),
        (
            series("db_client_operation_duration_seconds_count", "web", ("server_address",), server_address="cart:5432"),
            Edge(caller="web", callee="cart", system="database"),
        ),
        (
            series("traces_service_graph_request_total", "cart", ("client", "server"), client="web", server="cart"),
            Edge(caller="web", callee="cart"),
        ),
        (series("x", "web", ("peer_service",), peer_service="cart"), Edge(caller="web", callee="cart")),
    ],
)
async def test_calls_that_metrics_show(one: Series, edge: Edge) -> None:
    source = answering(families=(family("http_client_request_duration_seconds_count", "web", server_address="cart"),), series=(one,))
    found = await scope(source, "web")
    assert found.edges == (edge,)
    assert found.services == ("web", "cart")


async def test_a_call_to_nobody_or_to_itself_is_none() -> None:
    odd = (
        series("x", "web", ("server",)),
        series("x", "web", ("server",), server="web"),
        series("x", "", ("client", "server"), server="web"),
    )
    source = answering(families=(family("http_client_request_duration_seconds_count", "web", server_address="cart"),), series=odd)
    assert (await scope(source, "web")).edges == ()


async def test_what_spans_and_metrics_both_show_is_one_edge_that_names_the_database() -> None:
    call = series("db_client_operation_duration_seconds_count", "web", ("server_address",), server_address="db")
    source = answering(
        spans=chain("web", "db"),
        families=(family("db_client_operation_duration_seconds_count", "web", server_address="db"),),
        series=(call,),
    )
    assert (await scope(source, "web")).edges == (Edge(caller="web", callee="db", system="database"),)


async def test_where_no_calls_are_known_every_service_with_metrics_is_looked_at() -> None:
    source = answering(families=(family("up", "cart", "db"), family("other", "pay")))
    assert (await scope(source, "web")).services == ("web", "cart", "db", "pay")


async def test_a_small_system_is_looked_at_whole() -> None:
    """Who is not seen to be called may be the silent cause; those along the calls come first."""
    source = answering(spans=chain("edge", "web", "cart"), families=(family("up", "batch", "cart", "mail", "web"),))
    found = await scope(source, "web")
    assert found.services == ("web", "cart", "edge", "batch", "mail")
    assert found.edges == (Edge(caller="edge", callee="web"), Edge(caller="web", callee="cart"))
    assert found.traced == ("web",)


@pytest.mark.parametrize(("others", "whole"), [(MOST_SERVICES - 3, True), (MOST_SERVICES - 2, False)])
async def test_a_large_system_is_looked_at_along_its_calls(others: int, whole: bool) -> None:  # noqa: FBT001 - a column of the table
    names = tuple(f"other-{number:02}" for number in range(others))
    found = await scope(answering(spans=chain("edge", "web", "cart"), families=(family("up", *names),)), "web")
    assert found.services == ("web", "cart", "edge", *(names if whole else ()))


async def test_where_no_calls_are_known_a_large_system_fills_the_room() -> None:
    names = tuple(f"other-{number:02}" for number in range(90))
    assert (await scope(answering(families=(family("up", *names),)), "web")).services == ("web", *names[: MOST_SERVICES - 1])


class Untraced(FakeSource):
    """Knows no trace of `web`."""

    async def spans(self, services: Any, window: Any, *_where: Any) -> Any:
        reading = await super().spans(services, window)
        return Reading() if tuple(services) == ("web",) else reading


async def test_where_an_affected_service_is_not_traced_all_are_asked_for() -> None:
    source = Untraced(answers={"spans": Reading(chain("cart", "db")), "families": Reading((family("up", "cart", "db"),))})
    found = await scope(source, "web")
    assert found.services == found.traced == ("web", "cart", "db")
    assert found.edges == (Edge(caller="cart", callee="db"),)
    assert [one[1] for one in asked(source, "spans")] == [("web",)] * 2 + [("web", "cart", "db")] * 2, "window and baseline of each"


async def test_also_where_metrics_show_whom_it_calls() -> None:
    called = family("http_client_request_duration_seconds_count", "web", server_address="cart")
    call = series("http_client_request_duration_seconds_count", "web", ("server_address",), server_address="cart")
    source = Untraced(answers={"spans": Reading(chain("cart", "db")), "families": Reading((called,)), "series": Reading((call,))})
    found = await scope(source, "web")
    assert found.traced == ("web", "cart")
    assert found.edges == (Edge(caller="cart", callee="db"), Edge(caller="web", callee="cart"))


async def test_names_that_the_catalogue_does_not_know_are_the_last_resort() -> None:
    source = answering(families=(family("up", "web"),))
    assert (await scope(source, "web")).services == ("web",)
    assert asked(source, "families")[-1] == ("families", (), ("*",))


async def test_an_incident_that_names_no_service() -> None:
    source = answering(spans=chain("web", "cart"), families=(family("up", "web", "db"),))
    found = await scope(source)
    assert (found.affected, found.services) == ((), ("cart", "db", "web"))


async def test_no_more_than_most_services() -> None:
    wide = (span("web"), *(span(f"c{n:03}", "web", f"s{n:03}") for n in range(200)))
    found = await scope(answering(spans=wide), "web")
    assert found.services == ("web", *(f"s{n:03}" for n in range(MOST_SERVICES - 1)))
    assert len((await scope(answering(families=(family("up", *(f"s{n}" for n in range(200))),)), "web")).services) == MOST_SERVICES


async def test_what_could_not_be_read_is_named() -> None:
    found = await scope(down(Reason.TIMEOUT), "web")
    assert found.services == ("web",)
    assert {gap.source for gap in found.gaps} == {"traces", "metrics"}


MANY = tuple(f"service-{number:03}" for number in range(120))


class Failing(FakeSource):
    """Counts the failing requests of many services; one fails more than before."""

    def __init__(self, failing: str, families: tuple[Any, ...], writers: tuple[Series, ...] = ()) -> None:
        super().__init__(answers={"families": Reading(families), "log_counts": Reading(writers)})
        self.failing = failing

    async def series(self, selections: Any, window: Any, step: float) -> Any:
        await super().series(selections, window, step)
        t = np.arange(window.start.timestamp(), window.end.timestamp(), step)
        late = t >= TIMES.window.start.timestamp()
        found = [
            Series(one, service, {}, t, np.where(late & (service == self.failing), 0.6, 0.01), "q", "fake", step=step)
            for one in selections
            if one.signal == "error_ratio"
            for _, service in one.members
        ]
        return Reading(tuple(found))


@pytest.mark.parametrize("failing", [MANY[0], MANY[60], MANY[-1]])
async def test_of_more_than_there_is_room_for_the_suspected_are_looked_at(failing: str) -> None:
    """Wherever a name stands in the alphabet; how many were left out is said."""
    view = view_of(Failing(failing, (family("http_requests_total", *MANY, code="500"),)))
    await view.times(INCIDENT)
    found = await find_scope(view, ("web",), TIMES)
    assert found.services[:2] == ("web", failing)
    assert len(found.services) <= MOST_SERVICES
    left = len(MANY) + 1 - len(found.services)
    assert any(gap.detail.startswith(f"{left} of {len(MANY) + 1} services were not looked at closely") for gap in found.gaps)


def lines(service: str, *counts: float) -> Series:
    selection = Selection("log_lines", "log_lines", Reduction.RAW, "app", ((service, service),))
    t = np.linspace(TIMES.all.start.timestamp(), TIMES.all.end.timestamp(), len(counts))
    return Series(selection, service, {}, t, np.array(counts), "q", "fake", step=60)


async def test_who_only_writes_log_lines_is_looked_at_too() -> None:
    source = answering(families=(family("up", "cart"),), log_counts=(lines("mailer", 0, 1), lines("cart-svc", 0, 1)))
    assert (await scope(source, "web")).services == ("web", "cart", "mailer"), "an address of a known workload is that workload"


async def test_a_callee_goes_by_the_name_that_telemetry_has_for_it() -> None:
    call = series("http_client_request_duration_seconds_count", "web", ("server_address",), server_address="cart-svc.prod.example.com")
    calls = family("http_client_request_duration_seconds_count", "web", server_address="x")
    found = await scope(answering(families=(calls, family("up", "cart", "web")), series=(call,)), "web")
    assert found.edges == (Edge(caller="web", callee="cart"),)


def placed(*places: str) -> Any:
    pairs = frozenset((label, value) for label, _, value in (place.partition("=") for place in places))
    return replace(family("up", "web"), places={"web": pairs})


async def test_one_name_in_several_environments_is_not_one_thing() -> None:
    with pytest.raises(AmbiguousPlaceError, match=r"web runs in 2 places: namespace=prod, namespace=staging.*--in namespace=prod"):
        await scope(answering(families=(placed("namespace=prod", "namespace=staging"),)), "web")
    for places in (("namespace=prod", "cluster=eu"), ("tenant=a", "tenant=b"), ("namespace=prod", "exported_namespace=prod")):
        assert (await scope(answering(families=(placed(*places),)), "web")).services == ("web",)


async def test_what_is_called_in_another_namespace_is_read_there() -> None:
    source = answering(spans=chain("web", "orders-db"), families=(family("up", "web"),))
    view = view_of(source)
    await view.times(INCIDENT.model_copy(update={"environment": (("cluster", "eu"), ("namespace", "shop"))}))
    found = await find_scope(view, ("web",), TIMES)
    assert found.services == ("web", "orders-db")
    source.bound.clear()
    await view.families(found.services, (), TIMES.window)
    assert source.bound == [(("cluster", "eu"), ("namespace", "shop")), (("cluster", "eu"),)]


class Namespaced(FakeSource):
    """A shop whose database is in a namespace of its own and logs there."""

    places: tuple[str, ...] = ("data",)

    async def families(self, services: Any, names: Any, window: Any, environment: Any = (), *_: object) -> Reading[Any]:
        there = "orders-db" in services and "namespace" not in dict(environment)
        at = frozenset(("namespace", place) for place in self.places)
        known = replace(family("pg_up", "orders-db"), places={"orders-db": at}) if there else family("up", "web")
        return Reading((known,), source="fake")

    async def log_lines(self, services: Any, window: Window, phrases: Any, environment: Any = (), *_: object) -> Reading[Any]:
        where = ", ".join(f"{label}={value}" for label, value in environment)
        t, said = window.start.timestamp(), "FATAL: sorry, too many clients already"
        wrote = [one for one in services if (one == "orders-db") is ("namespace" not in dict(environment))] if window.start >= START else []
        return Reading(tuple(LogLine(t + n, one, said) for one in wrote for n in range(9)), query=f"lines of {services} in {where}")


async def test_what_a_database_in_another_namespace_logs_is_read_there_and_shown_by_its_own_query() -> None:
    source = Namespaced({"spans": Reading(chain("web", "orders-db"), source="fake")})
    incident = INCIDENT.model_copy(update={"services": ("web",), "environment": (("namespace", "shop"), ("cluster", "eu"))})

    async def told() -> dict[str, str]:
        seen = (await DatabaseAgent(view_of(source)).observe(incident, ())).observations
        return {one.service: one.query for one in seen if one.signal.startswith("log_")}

    assert await told() == {
        "web": "lines of ('web',) in namespace=shop, cluster=eu",
        "orders-db": "lines of ('orders-db',) in cluster=eu",
    }
    source.places = ("data", "data-old")
    assert [*(await told())] == ["web"], "nobody knows which of two is meant"


async def test_a_store_that_was_not_looked_at_closely_is_blamed_for_what_lines_say_of_it() -> None:
    """Of a hundred services there is no room for it; who cannot reach it names it."""
    names = tuple(f"s{number:02}" for number in range(99))
    said = LogLine(START.timestamp() + 60, "s00", "java.net.ConnectException: Connection refused: zz-db/10.3.37.106:5432")
    lines = tuple(replace(said, t=said.t + n) for n in range(30))
    view = view_of(answering(families=(family("up", *names, "zz-db"),), log_lines=lines))
    incident = INCIDENT.model_copy(update={"services": ("s00",)})
    assert "zz-db" not in (await find_scope(view, ("s00",), TIMES)).services
    findings = await NetworkAgent(view).observe(incident, ())
    assert {one.service for one in findings.observations if one.signal == "log_connection_refused"} == {"zz-db"}
    assert findings.suspects[0].service == "zz-db"


@pytest.mark.parametrize("hint", ["", "please look at s199 first"])
async def test_what_a_hint_names_has_a_place_among_many(hint: str) -> None:
    names = tuple(f"s{number}" for number in range(200))
    view = view_of(answering(families=(family("up", *names),)))
    await view.times(INCIDENT.model_copy(update={"hint": hint}))
    found = await find_scope(view, ("web",), TIMES)
    assert found.services[:2] == ("web", "s199" if hint else "s0")
    assert found.affected == ("web",), "a hint is no symptom"
    assert len(found.services) == MOST_SERVICES
