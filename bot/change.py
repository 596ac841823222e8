"""The modal that asks with what to investigate: what it shows, and what of it is right; pure."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from bot.blocks.elements import Json, entry, form, label, plain, rich
from bot.command import parse_agent, parse_budget, parse_service, place
from bot.since import parse_since
from bot.words import budget as dollars
from bot.words import printable, shown
from compass_core.domain import Address, AgentName, Environment, Incident, Request
from compass_core.errors import RefusalError

T = TypeVar("T")
LONGEST, LONGEST_HINT = 1_000, 300  # characters of an input
_ALL: Json = {"text": label("all three", 75), "value": "all"}
_INPUTS = (
    ("services", "Services", "checkout, payment-db"),
    ("environment", "Where, if not everywhere", "namespace=shop, cluster=eu-1"),
    ("since", "Since", "45m, 03:00 or 2026-01-05T14:03Z, in UTC"),
    ("until", "Until, if not now", "20m, 03:30 or 2026-01-05T14:33Z, in UTC"),
    ("budget", "Budget in US dollars, 0 for no model", "2.50"),
    ("hint", "What to look at first; it is no evidence", "redis, or a deploy of checkout"),
)
_NEEDED = {"services", "since"}


class WrongInputError(RefusalError):
    """What is wrong, by the block of the input."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__("; ".join(errors.values()))


@dataclass(frozen=True, slots=True)
class Change:
    """What was sent: the request with an incident as far as the form knows it, where to investigate, and of which investigation."""

    request: Request
    address: Address
    of: str

    def again(self, before: Incident) -> Request:
        """The request, with what else is known of the incident."""
        told = self.request.incident
        changed = {} if told is None else {name: getattr(told, name) for name in ("services", "environment", "ended_at", "hint")}
        if told and told.started_at != before.started_at:
            changed |= {"started_at": told.started_at, "waited": None, "origin": "asked for", "noted": ""}
        return self.request.model_copy(update={"incident": before.model_copy(update=changed), "again": True})


def view(known: Request, incident: Incident, address: Address, of: str = "") -> Json:
    """The form, filled in with what is known."""
    filled = {
        "services": ", ".join(incident.services),
        "environment": ", ".join(f"{name}={value}" for name, value in incident.environment),
        "since": _at(incident.started_at),
        "until": _at(incident.ended_at),
        "budget": dollars(known.budget) if known.budget is not None else "",
        "hint": incident.hint,
    }
    agents = [_ALL, *({"text": label(f"{name} only", 75), "value": name.value} for name in AgentName)]
    chosen = next((one for one in agents if one["value"] == known.only), _ALL)
    only = entry("only", "Agents", {"type": "static_select", "action_id": "said", "options": agents, "initial_option": chosen})
    short = {"id": shown(incident.id, 200), "title": shown(incident.title, 300)}
    short |= {"severity": shown(incident.severity, 60), "origin": shown(incident.origin, 60)}
    fields = incident.model_dump(mode="json", include={"started_at", "ended_at"}) | short
    inputs = []
    for name, title, ghost in _INPUTS:
        text: Json = {"type": "plain_text_input", "action_id": "said", "placeholder": label(ghost, 150)}
        text |= {"max_length": LONGEST_HINT if name == "hint" else LONGEST}
        text |= {"initial_value": shown(filled[name], LONGEST)} if filled[name].strip() else {}
        inputs.append(entry(name, title, text, optional=name not in _NEEDED))
    about = rich([plain("; ".join(filter(None, (f"{short['id']}: {short['title']}", incident.noted))))])
    of_what = json.dumps({"of": of, "at": address.model_dump(), "incident": fields}, ensure_ascii=False)
    return form("change", "Investigate", of_what, about, *inputs[:5], only, inputs[5])


def parse(view: Mapping[str, Any], now: datetime) -> Change:
    """What was sent; raises `WrongInputError` with each input that is wrong."""
    values = {name: next(iter(each.values())) for name, each in view["state"]["values"].items()}
    said = {name: printable(values[name]["value"] or "") for name, *_ in _INPUTS}
    kept, errors = json.loads(view["private_metadata"]), dict[str, str]()

    def read(name: str, meant: Callable[[str], T], otherwise: T) -> T:
        try:
            return meant(said[name]) if said[name] else otherwise
        except RefusalError as error:  # which speaks of flags
            problem = re.sub("--(?:[a-z]+ )?", "", str(error))
            errors[name] = shown(problem[:1].upper() + problem[1:], 300)
            return otherwise

    def at(text: str) -> datetime:
        offered = (datetime.fromisoformat(kept["incident"][name]) for name in ("started_at", "ended_at") if kept["incident"][name])
        return next((one for one in offered if text == _at(one)), None) or now - parse_since(text, now)  # however long ago

    services: tuple[str, ...] = read(
        "services", lambda text: tuple(dict.fromkeys(parse_service(one) for one in text.replace(",", " ").split())), ()
    )
    environment: Environment = read("environment", lambda text: tuple(dict.fromkeys(place("in", one) for one in text.split(","))), ())
    since, until = read("since", at, now), read("until", at, None)
    budget = read("budget", parse_budget, None)
    chosen = values["only"]["selected_option"]["value"]
    if until and until <= since and not errors:
        errors["until"] = "This must be later than the beginning."
    for name in _NEEDED - {name for name, text in said.items() if text}:
        errors[name] = "Say which services." if name == "services" else "Say since when."
    if errors:
        raise WrongInputError(errors)
    changed = {"services": services, "environment": environment, "started_at": since, "ended_at": until, "hint": said["hint"]}
    incident = Incident.model_validate(kept["incident"] | changed)
    only = None if chosen == _ALL["value"] else parse_agent(chosen)
    return Change(Request(incident=incident, budget=budget, only=only), Address(**kept["at"]), kept["of"])


def _at(when: datetime | None) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}" if when else ""
