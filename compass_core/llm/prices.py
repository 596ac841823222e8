"""What a call of a model costs: by the price list that `genai-prices` ships, or by a configured price. Nothing is fetched."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, Provider, TieredPrices

from compass_core.errors import SettingsError

# every price a token of a text may be billed at, and the part of it that is billed once a call
INPUT = ("input_mtok", "input_text_mtok", "cache_read_mtok", "cache_text_read_mtok", "cache_write_mtok", "cache_text_write_mtok",
         "cache_write_5m_mtok", "cache_write_1h_mtok", "cache_text_write_5m_mtok", "cache_text_write_1h_mtok")  # fmt: skip
OUTPUT = ("output_mtok", "output_text_mtok", "output_reasoning_mtok", "output_text_reasoning_mtok")
CALL = ("requests_kcount",)
COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
MOST_COUNTED = 10**9  # tokens; more are no count
SOON = timedelta(hours=1)  # a call that is reserved now is billed before then
NAMES = {"azure": "azure.ai.openai", "mistral": "mistral_ai", "x-ai": "x_ai", "aws": "aws.bedrock", "google": "gcp.gemini"}


@dataclass(frozen=True, slots=True)
class Tariff:
    """The prices of one model at one provider, always those of the model that is asked for."""

    model: ModelInfo
    seller: Provider
    provider: str
    """The provider as OpenTelemetry's conventions name it."""

    def worst(self, input_tokens: int, output_tokens: int, either: int = 0) -> Decimal:
        """The most that a call of no more tokens than these can cost, in US dollars; of `either` it is not known which they are.

        Each token at the dearest price of its direction: cached or not, in any service tier, and for any length of the
        prompt up to this one.
        """
        now = datetime.now(UTC)
        tiers = [{}, *(variant.when for variant in self.model.price_variants or ())]
        sheets = [self.model.get_prices(at, tier) for at in (now, now + SOON) for tier in tiers]
        each_in, each_out, call = (_dearest(sheets, keys, input_tokens + either) for keys in (INPUT, OUTPUT, CALL))
        tokens = input_tokens * each_in + output_tokens * each_out + either * max(each_in, each_out)
        return tokens / 1_000_000 + call / 1_000

    def cost(self, reply: Mapping[str, Any], least_in: int = 0, least_out: int = 0) -> Decimal | None:
        """What a call was billed by its reply, or None where it does not tell, or tells fewer tokens than there must have been.

        Tokens that stand in the total alone, such as thoughts, count as the dearest that they can be. A cheaper tier than
        the usual one was not asked for, and is not believed.
        """
        usage = reply.get("usage")
        counts = [(usage.get(name) or 0 if isinstance(usage, dict) else None) for name in COUNTS]
        tokens_in, tokens_out, total = (each if type(each) is int and 0 <= each <= MOST_COUNTED else -1 for each in counts)
        if min(tokens_in, tokens_out, total) < 0:
            return None
        if tokens_in < least_in or tokens_out < least_out:
            return None
        if total > tokens_in + tokens_out:
            return self.worst(tokens_in, tokens_out, total - tokens_in - tokens_out)
        tier = reply.get("service_tier")
        extractors = [*(self.seller.extractors or ()), *(_seller("openai").extractors or ())]
        chat = next(each for each in extractors if each.api_flavor == "chat")
        try:
            _, told = chat.extract(reply)
            tiers = [None, {"service_tier": tier}] if isinstance(tier, str) else [None]
            return max(self.model.calc_price(told, self.seller, price_context=each).total_price for each in tiers)
        except (ValueError, ArithmeticError):  # tokens that are missing, or more in part than in all
            return None


def tariff(model: str, url: str, *, configured: Sequence[Decimal] = (), free: bool = False) -> Tariff:
    """The prices of a model that is reached at `url`; raises `SettingsError` where they are not known.

    `configured` are US dollars a million tokens of input, output and, where it has a price of its own, cached input. They
    win over the price list.
    """
    if free:
        return _own(model, Decimal(0), Decimal(0))
    if configured:
        return _own(model, *configured)
    try:
        seller, info = get_snapshot().find_provider_model(model, None, None, url)
    except LookupError:
        info = None
    if info is None or not all(_dearest([info.get_prices(datetime.now(UTC))], keys, 0) for keys in (INPUT[:1], OUTPUT[:1])):
        advice = "correct COMPASS_MODEL, or set its price (US dollars a million tokens, input/output), or COMPASS_MODEL_FREE=true"
        raise SettingsError("COMPASS_PRICES", f"the price of {model} at {url} is not known; {advice}", f"{model}=0.15/0.60")
    return Tariff(info, seller, NAMES.get(seller.id, seller.id))


def _own(model: str, price: Decimal, out: Decimal, cached: Decimal | None = None) -> Tariff:
    prices = ModelPrice(input_mtok=price, output_mtok=out, cache_read_mtok=cached)
    return Tariff(ModelInfo(model, ClauseEquals(model), prices=prices), _seller("openai"), "openai_compatible")


def _seller(name: str) -> Provider:
    return next(each for each in get_snapshot().providers if each.id == name)


def _dearest(sheets: Iterable[ModelPrice], keys: Iterable[str], input_tokens: int) -> Decimal:
    amounts = [Decimal(0)]
    for price in (getattr(sheet, key) for sheet in sheets for key in keys):
        if isinstance(price, TieredPrices):
            amounts += [price.base, *(tier.price for tier in price.tiers if tier.start < input_tokens)]
        elif price is not None:
            amounts.append(price)
    return max(amounts)
