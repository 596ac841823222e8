"""What Compass does when somebody types `/compass` or clicks a button: acknowledge, hand over, answer."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.context.respond.async_respond import AsyncRespond

from bot import alerts, blocks, change, questions
from bot.blocks.elements import text_of
from bot.command import Declare, Show, Stop, commanded, parse
from bot.desk import Compass, Desk, Tasks, answer, answered, links, open_view, with_name
from bot.slack import attempted
from bot.thread import SlackThread
from bot.words import cost_line, shown
from compass_core.agents.asked import things
from compass_core.domain import Address, Conclusion, Feedback, Investigation, Request
from compass_core.errors import AmbiguousIncidentError, IncidentNotFoundError, RefusalError
from compass_core.redaction.whole import redacted

RECENT, LISTED, LOOKED_THROUGH, OF_A_MONTH = 5, 10, 200, 1_000  # investigations; a thousand take half a second to read
_NOTHING_RUNS = "Nothing is running in this channel that could be stopped; /compass status shows what runs elsewhere."
_NAMED = re.compile(r"<@[UW]\w+(?:\|[^>]*)?>")


def register(app: AsyncApp, compass: Compass, tasks: Tasks) -> None:
    """Listen to `/compass`, to mentions, to the app's home and to buttons; each is acknowledged before anything else happens."""

    def listener(act: Callable[[Desk], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def listen(ack: AsyncAck, body: dict[str, Any], respond: AsyncRespond, context: AsyncBoltContext) -> None:
            if event := body.get("event"):  # which names people and channels in its own way
                own = body.get("team_id") if event["type"] == "app_home_opened" else None  # nobody else has one
                person = {"id": event["user"], "team_id": event.get("user_team") or event.get("team") or own}
                body = body | {"user": person, "channel": {"id": event["channel"]}, "thread_ts": event.get("thread_ts")}
            if act is on_changed:
                try:
                    wanted = change.parse(body["view"], compass.clock())
                    compass.refuse_too_dear(wanted.request.model_copy(update={"asker": body["user"]["id"]}))
                except RefusalError as error:
                    wrong = error.errors if isinstance(error, change.WrongInputError) else {"budget": str(error).replace("--budget", "It")}
                    await ack(response_action="errors", errors=wrong)
                    return
                body = body | {"channel": {"id": wanted.address.channel}, "thread_ts": wanted.address.thread_ts, "change": wanted}
            await ack()
            team = context.authorize_result.team_id if context.authorize_result else None
            tasks.start(answered(act, Desk(compass, tasks, app.client, respond, body, team)))

        return listen

    app.command("/compass")(listener(on_command))
    app.event("app_mention")(listener(on_mention))
    app.event("app_home_opened")(listener(on_home))
    app.shortcut("investigate_message")(listener(on_shortcut))
    buttons: dict[str, Callable[[Desk], Awaitable[None]]] = {
        "investigate": on_investigate,
        "reinvestigate|raise": on_reinvestigate,
        "change": on_change,
        "stop": lambda desk: _stop(desk, desk.value),
        "show.*": lambda desk: _show(desk, desk.value),
        "right.*": on_right,
        "wrong.*": on_wrong,
    }
    for name, act in buttons.items():
        app.action(re.compile(f"^({name})$"))(listener(act))
    app.view("change")(listener(on_changed))
    app.view("correction")(listener(on_correction))


async def on_command(desk: Desk) -> None:
    await _do(desk, desk.body.get("text", ""), Address(channel=desk.channel), desk.body.get("trigger_id"))


async def _do(desk: Desk, text: str, address: Address, key: str | None) -> None:
    match parse(text, desk.compass.clock()):
        case Request() as request:
            await _investigate(desk, request, address, key)
        case Stop(reference):
            await _stop(desk, reference)
        case Declare(title, service, since):
            message = blocks.declared(await desk.compass.declare(title, service, since), desk.name)
            post = desk.client.chat_postMessage(channel=address.channel, text=message.text, blocks=message.blocks)
            if await attempted("declared.not_posted", post) is None:  # all who are there should know of it
                await answer(desk, message)
        case Show("help"):
            await answer(desk, blocks.help_text())
        case Show("cost"):
            await answer(desk, await _cost(desk))
        case Show(what, reference):
            await answer(desk, await _recent(desk, RECENT if what == "status" else LISTED, reference.casefold(), ended=what == "history"))


async def on_home(desk: Desk) -> None:
    await desk.client.views_publish(user_id=desk.asker, view=blocks.home(await _recent(desk, LISTED), await _cost(desk)))


async def _cost(desk: Desk) -> blocks.Message:
    """By the ledger: it holds what was paid for questions, and what one that goes on with another has spent is its own alone."""
    ended = await desk.compass.history.recent(OF_A_MONTH)
    paid = await desk.compass.history.costs([one.investigation.id for one in ended])
    told = [one.model_copy(update={"costs": paid.get(one.investigation.id, {})}) for one in ended]
    return blocks.cost(told, desk.compass.clock())


async def _recent(desk: Desk, most: int, reference: str = "", *, ended: bool = False) -> blocks.Message:
    """What runs and what ended, in this channel and in those that the person is in."""
    history = desk.compass.history
    asked = desk.client.users_conversations(user=desk.asker, types="public_channel,private_channel", limit=999)
    theirs = await attempted("channels.unknown", asked)
    places = {desk.channel, *(one["id"] for one in (theirs["channels"] if theirs is not None else ()))}

    def may_see(one: Investigation) -> bool:
        return one.address.channel in places and reference in {"", one.incident.id.casefold()}

    running = [one for one in (() if ended else await history.running()) if may_see(one)]
    latest = await history.recent(OF_A_MONTH if reference else LOOKED_THROUGH)
    recent = [one for one in latest if may_see(one.investigation)][:most]
    running, recent = redacted((running, recent), desk.compass.redact)  # a former Compass kept incidents whole
    if reference and not recent:
        raise RefusalError(f"No investigation of {shown(reference)} has ended that you may see; /compass list shows what is known.")
    ids = [one.id for one in running[:most]] + [one.investigation.id for one in recent]
    return blocks.status(running, recent, await links(desk, ids), desk.compass.clock())


async def on_mention(desk: Desk) -> None:
    """Do what is typed behind the app's name, or answer a question about the investigation of the thread."""
    event, channel = desk.body["event"], desk.channel
    text, thread = _NAMED.sub("", event.get("text") or ""), event.get("thread_ts") or ""
    if commanded(text):
        return await _do(await with_name(desk), text, Address(channel=channel, thread_ts=thread), f"{channel} {event['ts']}")
    async with desk.tasks.turns.setdefault(f"{channel} {thread}", asyncio.Lock()):
        ids = await desk.compass.history.in_thread(channel, thread) if thread else ()
        ended = [conclusion for one in ids if (conclusion := await desk.compass.history.conclusion(one))]
        if not ended:
            raise RefusalError("It is still looking: ask again below its final message." if ids else questions.ELSEWHERE)
        return await _reply(desk, redacted(ended[0], desk.compass.redact), desk.compass.redact(text))


async def _reply(desk: Desk, of: Conclusion, text: str) -> None:
    """Once for each question, however often Slack delivers it."""
    event = desk.body["event"]
    step = f"question {event['ts']}"
    if await desk.compass.outbox.posted(of.investigation.id, step):
        return
    asked = await desk.compass.asked(of)
    before = asked.budget.spent
    question = questions.parse(text, things(of)) or (await asked.choose(text) if text.strip() else None)
    if question is None:
        raise RefusalError(questions.CANNOT.format(next(iter(sorted(things(of))), "checkout")))
    facts = redacted(await asked.look(question), desk.compass.redact)
    says = await asked.say(text, text_of(questions.answer(question, of, facts).blocks).split("\n"))
    spent = asked.budget.spent
    paid = f"this answer ${spent - before:.4f}, so far {cost_line(spent, of.investigation.budget)}" if spent > before else asked.unasked
    thread = SlackThread(desk.client, desk.compass.outbox, desk.channel, event["thread_ts"])
    await thread.add(of.investigation, step, questions.answer(question, of, facts, says, paid))


async def on_shortcut(desk: Desk) -> None:
    """Investigate what the message is about, below it; ask for what it does not say."""
    told, address, key = alerts.read(desk.body["message"], desk.compass.clock()), _under_message(desk), desk.body.get("trigger_id")
    incident = redacted(told.incident, desk.compass.redact)
    if told.reference:
        with suppress(IncidentNotFoundError, AmbiguousIncidentError):
            return await _investigate(desk, Request(reference=told.reference), address, key and f"{key} reference")
    if not incident.services:
        return await open_view(desk, change.view(Request(), incident, address))
    return await _investigate(desk, Request(incident=incident), address, key)


async def on_change(desk: Desk) -> None:
    before = redacted(await _before(desk, desk.value), desk.compass.redact)
    await open_view(desk, change.view(Request(budget=before.budget, only=before.only), before.incident, _under_message(desk), before.id))


async def on_changed(desk: Desk) -> None:
    wanted: change.Change = desk.body["change"]
    request = wanted.again((await _before(desk, wanted.of)).incident) if wanted.of else wanted.request
    await _investigate(desk, request, wanted.address, desk.body.get("trigger_id"))


async def on_investigate(desk: Desk) -> None:
    await _investigate(desk, Request(reference=desk.value), Address(channel=desk.channel), _clicked(desk))


async def on_right(desk: Desk) -> None:
    await _keep(desk, *await _judged(desk, desk.value), right=True)
    if "view" in desk.body:
        await _show(desk, desk.body["view"]["private_metadata"])


async def on_wrong(desk: Desk) -> None:
    await open_view(desk, blocks.correction(*await _judged(desk, desk.value)))


async def on_correction(desk: Desk) -> None:
    """Keep what it was instead; what was typed wins."""
    view = desk.body["view"]
    ended, rank = await _judged(desk, view["private_metadata"])
    given = {name: next(iter(inputs.values())) for name, inputs in view["state"]["values"].items()}
    chosen = (given.get("other") or {}).get("selected_option")
    other = ended.hypotheses[int(chosen["value"])].about if chosen else ""
    await _keep(desk, ended, rank, right=False, was=given["was"]["value"] or other, note=given["note"]["value"] or "")


async def _judged(desk: Desk, value: str) -> tuple[Conclusion, int]:
    """The conclusion, and the place of the hypothesis of which a person says whether it is right."""
    of, _, rank = blocks.parse_show(value)
    ended = await desk.compass.history.conclusion(of)
    if ended is None or rank >= len(ended.hypotheses):
        raise RefusalError("Compass no longer knows this investigation.")
    return redacted(ended, desk.compass.redact), rank


async def _keep(desk: Desk, ended: Conclusion, rank: int, *, right: bool, was: str = "", note: str = "") -> None:
    """Keep what the person says; the thread is told of it once, where it is something else than what they said before."""
    of, redact, hypothesis = ended.investigation, desk.compass.redact, ended.hypotheses[rank].about
    who = {"person": desk.asker, "name": desk.name}
    about = {"was": shown(redact(was), 100), "note": shown(redact(note), blocks.LONGEST_NOTE)}
    said = Feedback(investigation=of.id, hypothesis=hypothesis, right=right, **about, **who)
    root = await desk.compass.outbox.posted(of.id, "root")
    if await desk.compass.history.answered(said) and root:
        thread = SlackThread(desk.client, desk.compass.outbox, root.channel, root.thread_ts or root.ts)
        await thread.say(of, f"feedback {uuid4().hex}", said.told)


async def _show(desk: Desk, value: str) -> None:
    """Open a modal with what stands behind a message, or turn its page."""
    of, what, page = blocks.parse_show(value)
    ended = await desk.compass.history.conclusion(of)
    if ended is None:
        raise RefusalError("This opens when the investigation has ended.")
    await open_view(desk, blocks.details(redacted(ended, desk.compass.redact), what, page))


async def _stop(desk: Desk, reference: str) -> None:
    stopped = await desk.compass.stop(desk.channel, reference, f"stopped by {desk.name or 'a person'}")
    told = f"Stopping {', '.join(stopped)}; its thread says what was found." if stopped else _NOTHING_RUNS
    await answer(desk, blocks.refusal(told))


async def on_reinvestigate(desk: Desk) -> None:
    """Investigate the button's incident again, in its thread, or go on with twice the budget: what has finished is not run again."""
    goes_on = desk.clicked["action_id"] == "raise"
    before = await _before(desk, desk.value)
    if goes_on:
        history = desk.compass.history
        ended = (one.investigation for one in await history.recent(LOOKED_THROUGH))
        if any(one.goes_on == before.id for one in (*await history.running(), *ended)):
            raise RefusalError("The budget was raised already: what came of it stands in the thread.")
    budget = before.budget * 2 if goes_on else before.budget
    request = Request(incident=before.incident, budget=budget, only=before.only, goes_on=before.id if goes_on else "", again=True)
    await _investigate(desk, request, _under_message(desk), _clicked(desk))


def _clicked(desk: Desk) -> str | None:
    """The same for a click that Slack delivers twice."""
    at = desk.clicked.get("action_ts")
    return at and f"{desk.value} {at}"


async def _before(desk: Desk, investigation: str) -> Investigation:
    before = await desk.compass.history.investigation(investigation)
    if before is None:
        raise RefusalError("Compass no longer knows this investigation. Ask for its incident again:\n/compass investigate <id>")
    return before


def _under_message(desk: Desk) -> Address:
    message = desk.body["message"]
    return Address(channel=desk.channel, thread_ts=message.get("thread_ts") or message["ts"])


async def _investigate(desk: Desk, request: Request, address: Address, key: str | None) -> None:
    """Begin it under a key of what was typed or clicked, so that Slack may deliver that more than once."""
    known = {"asker": desk.asker, "asked_by": desk.name, "workspace": desk.team or "", "address": address}
    thread = SlackThread(desk.client, desk.compass.outbox, address.channel, address.thread_ts)
    await desk.compass.accept(request.model_copy(update=known), thread, hashlib.sha256((key or uuid4().hex).encode()).hexdigest()[:32])
