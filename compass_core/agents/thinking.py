"""How an agent thinks: by its rules always, and a model refines that where there is one. Whatever a model does, the rules' answer stays."""

from dataclasses import asdict

import structlog
from opentelemetry import metrics

from compass_core import conventions
from compass_core.domain import AgentName, Thoughts
from compass_core.errors import BudgetExceededError, ModelError
from compass_core.hypotheses.known import Known
from compass_core.hypotheses.prompts import messages
from compass_core.hypotheses.refine import Answer, Dropped, refine
from compass_core.ports import Model

log = structlog.get_logger()
dropped_total = metrics.get_meter("compass").create_counter(conventions.DROPPED)

NO_MODEL = "no model is configured"
NO_CAUSE = "the rules name no cause that could be refined"
BROKE = "the model's answer could not be worked with; the log says why"
UNCHANGED = "the model's answer changed nothing"


async def think(model: Model | None, known: Known) -> Thoughts:
    """What the agent thinks; raises nothing."""
    if model is None:
        return Thoughts(hypotheses=known.proposed, unrefined=NO_MODEL)
    if not known.hypotheses:
        return Thoughts(unrefined=NO_CAUSE)
    try:
        thoughts = _refined(known, await model.ask(known.agent, messages(known), Answer))
        return thoughts.model_copy(update={"remark": "; ".join(filter(None, (thoughts.remark, model.advice)))})
    except BudgetExceededError as error:
        why = str(error)
    except ModelError as error:
        log.info("model.failed", agent=known.agent, reason=error.reason)  # the thread says it in words
        why = str(error)
    except Exception as error:  # the seam: whatever strangers send, or break in what reads it, must not cost the rules' answer
        log.warning("model.broke", agent=known.agent, exc_info=True)
        why = f"{BROKE} ({type(error).__name__})"
    return Thoughts(hypotheses=known.proposed, unrefined=why)


def _refined(known: Known, answer: Answer) -> Thoughts:
    hypotheses, dropped = refine(known, answer)
    _count(known.agent, dropped)
    unrefined = "" if {*hypotheses} - {*known.proposed} else UNCHANGED
    remark = f"the model named what does not exist: {dropped}" if str(dropped) else ""
    return Thoughts(hypotheses=hypotheses, unrefined=unrefined, remark=remark)


def _count(agent: AgentName, dropped: Dropped) -> None:
    counts = {kind: number for kind, number in asdict(dropped).items() if number}
    for kind, number in counts.items():
        dropped_total.add(number, {conventions.AGENT: agent.value, conventions.KIND: kind})
    if counts:
        log.info("answer.dropped", agent=agent, **counts)
