"""Asks a telemetry backend: a bounded, read-only request for JSON, every failure of which is a `SourceError`."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, TypeAlias, TypeVar, cast
from urllib.parse import urlencode

import httpx
from opentelemetry import trace

from compass_core import conventions
from compass_core.bodies import ENCODINGS, pieces
from compass_core.domain import Gap, Window
from compass_core.errors import Reason, SourceError
from compass_core.ports import Offload
from compass_core.redaction.redact import hidden
from compass_core.sources import refusals

T = TypeVar("T")

Locate: TypeAlias = Callable[[], Awaitable[str]]  # a base URL, which may have a path
Linker: TypeAlias = Callable[[str, Window], Awaitable[str | None]]  # a link that shows a query over a window

PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 5.0
MOST_VALUES: Final = 4_000_000  # of JSON; 32 MiB of points are fewer
TEMPORARY: Final = frozenset({429, 502, 503, 504})
NO_FORM: Final = frozenset({403, 404, 405, 411, 415, 501})  # from a server, or a proxy before it, that takes GETs alone
KEPT_REQUESTS: Final = 12  # for each later agent: what one asks beyond what the first has asked already, with room
KEPT_HALVINGS: Final = 2
_ERROR_BYTES: Final = 8192


class Allowance:
    """What one investigation may ask, shared by all its sources: requests, retries included, and how often one may be asked in halves.

    A server that refuses everything must not use it up by ever smaller halves, nor one agent what the later ones need.
    """

    def __init__(self, limit: int = 80, halvings: int = 8) -> None:
        self.limit, self.used = limit, 0
        self.halvings = halvings
        self._kept = 0

    def keep_for(self, agents: int) -> None:
        """From now on, leave something for so many agents that are still to come."""
        self._kept = agents

    def further(self, requests: int) -> None:
        """From now on, so many more than were sent until now."""
        self._kept, self.limit = 0, self.used + requests

    def take(self, source: str) -> None:
        """Count one request; raises `SourceError` when all were sent."""
        most = self.limit - min(KEPT_REQUESTS, self.limit // 4) * self._kept
        if self.used >= most:
            raise SourceError(source, Reason.REQUEST_LIMIT, f"all {most} requests that could be sent until now were sent")
        self.used += 1

    def halve(self) -> bool:
        """Count one request that is asked again in halves; False where none may be."""
        if self.halvings <= KEPT_HALVINGS * self._kept:
            return False
        self.halvings -= 1
        return True


@dataclass(slots=True, eq=False)
class Backend:
    """One backend of this process. `seconds` and `max_bytes` (after decompression) bound a request, `concurrency` all of them together.

    `setting` is the middle of the variables that configure it (`COMPASS_<setting>_URL`), where that is not its name.
    """

    name: str
    http: httpx.AsyncClient = field(repr=False)
    locate: Locate = field(repr=False)
    offload: Offload = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, kw_only=True)
    seconds: float = field(default=15, kw_only=True)
    max_bytes: int = field(default=32 * 2**20, kw_only=True)
    concurrency: int = field(default=8, kw_only=True)
    setting: str = field(default="", kw_only=True)
    pause: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False, kw_only=True)
    slots: asyncio.Semaphore = field(init=False, repr=False)
    without_form: set[str] = field(default_factory=set, init=False, repr=False)

    def __post_init__(self) -> None:
        self.slots = asyncio.Semaphore(self.concurrency)

    def reader(self, allowance: Allowance) -> "Reader":
        return Reader(self, allowance)


class Reader:
    """Reads one backend within the allowance of one investigation."""

    def __init__(self, backend: Backend, allowance: Allowance) -> None:
        self._backend = backend
        self._allowance = allowance
        self.may_halve = allowance.halve
        self.name = backend.name

    @property
    def forms(self) -> bool:
        """Whether no form was refused so far."""
        return not self._backend.without_form

    async def ask(
        self,
        path: str,
        parse: Callable[[Any], T],
        params: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] = {},
        *,
        form: bool = False,
    ) -> T:
        """What `parse` makes of the JSON that answers `GET <base URL><path>?<params>`; raises only `SourceError`.

        With `form` the parameters are posted, so that they can be long, where the server takes that: only for paths that change nothing.
        """
        about = {"source": self.name, "url.path": path}
        with conventions.span("source.request", about, trace.SpanKind.CLIENT) as span:
            body = await self._body("POST" if form and path not in self._backend.without_form else "GET", path, params, headers)
            answer = await self.read(path, lambda: parse(self._decoded(body, path)))
            span.set_attribute("http.response.body.size", len(body))
            return answer

    async def attempt(
        self, path: str, parse: Callable[[Any], T], params: Sequence[tuple[str, str]] = (), *, form: bool = False
    ) -> T | SourceError:
        """As `ask`, with a failure as a value, since others may succeed."""
        try:
            return await self.ask(path, parse, params, form=form)
        except SourceError as error:
            return error

    async def read(self, path: str, work: Callable[[], T]) -> T:
        """What `work` makes of an answer, off the event loop; text or JSON of another shape than it expects is a `SourceError`."""

        def checked() -> T:
            try:
                return work()
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError) as error:
                what = f"{path} answers something else than expected (a login page, another server?)"
                raise SourceError(self.name, Reason.GARBAGE, what) from error

        return await self._backend.offload(checked)

    def gap(self, reason: Reason, detail: str) -> Gap:
        """Something that this backend did not tell."""
        return Gap(source=self.name, reason=reason, detail=detail)

    def _decoded(self, body: bytearray, path: str) -> Any:
        """Brackets and commas tell how much memory JSON takes: an empty list is three bytes here and twenty times as many there."""
        if sum(map(body.count, (b",", b"[", b"{"))) > MOST_VALUES:
            raise SourceError(self.name, Reason.TOO_LARGE, f"{path} answers more than {MOST_VALUES:,} values")
        return json.loads(body)

    async def _body(self, method: str, path: str, params: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> bytearray:
        backend = self._backend
        try:
            async with backend.slots, asyncio.timeout(backend.seconds):
                base = await backend.locate()
                try:
                    return await self._twice(self._request(method, base, path, params, headers), path)
                except _NoFormError:
                    backend.without_form.add(path)
                return await self._twice(self._request("GET", base, path, params, headers), path)
        except TimeoutError as error:
            raise SourceError(self.name, Reason.TIMEOUT, f"{path} gave no answer within {backend.seconds:g} s") from error

    async def _twice(self, request: httpx.Request, path: str) -> bytearray:
        try:
            return await self._attempt(request, path)
        except _TemporaryError as first:
            if first.pause > LONGEST_PAUSE:
                raise
            await self._backend.pause(first.pause)
        return await self._attempt(request, path)

    def _request(self, method: str, base: str, path: str, params: Sequence[tuple[str, str]], headers: Mapping[str, str]) -> httpx.Request:
        """Userinfo moves into a header, because httpx writes URLs into its own log."""
        backend = self._backend
        try:
            url = httpx.URL(base)
            user = authorization("", url.username, url.password, "")
            sent = {"Accept": "application/json", "Accept-Encoding": "gzip", **user, **backend.headers, **headers}
            problem = f"a header cannot carry a character of {self._variable('TOKEN')} or {self._variable('TENANT')}"
            if all(value.isascii() and value.isprintable() for value in sent.values()):
                url = url.copy_with(userinfo=b"", raw_path=url.raw_path.partition(b"?")[0].rstrip(b"/") + path.encode())
                if method == "POST":
                    sent["Content-Type"] = "application/x-www-form-urlencoded"
                    return backend.http.build_request(method, url, content=urlencode(params), headers=sent, timeout=None)
                return backend.http.build_request(method, url, params=list(params) or None, headers=sent, timeout=None)
        except (httpx.InvalidURL, UnicodeEncodeError):  # not `from` these: their texts may hold a part of the password
            problem = f"the address is not a URL, or the request cannot be put into one: check {self._variable('URL')}"
        raise SourceError(self.name, Reason.UNREACHABLE, problem)

    async def _attempt(self, request: httpx.Request, path: str) -> bytearray:
        self._allowance.take(self.name)
        try:
            async with aclosing(await self._backend.http.send(request, stream=True, auth=None, follow_redirects=False)) as response:
                return await self._read(response, path)
        except tuple(kind for kind, _, _ in refusals.FOREIGN) as error:
            reason, what = next((reason, what) for kind, reason, what in refusals.FOREIGN if isinstance(error, kind))
            detail = f"{path}: {what}: check {self._variable('URL')}"
            if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
                raise _TemporaryError(self.name, reason, detail, PAUSE) from error
            raise SourceError(self.name, reason, detail) from error

    async def _read(self, response: httpx.Response, path: str) -> bytearray:
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding not in ENCODINGS:
            raise SourceError(self.name, Reason.GARBAGE, f"{path} answers in an encoding that was not asked for")
        good = response.status_code == HTTPStatus.OK
        most = self._backend.max_bytes if good else _ERROR_BYTES
        body = bytearray()
        # not `aiter_bytes`: httpx unpacks each chunk whole
        async with aclosing(pieces(cast("httpx.AsyncByteStream", response.stream), encoding)) as unpacked:
            async for piece in unpacked:
                body += piece
                if len(body) > most:
                    break
        if not good:
            raise self._refused(response, bytes(body[:most]), path)
        if len(body) > most:
            raise SourceError(self.name, Reason.TOO_LARGE, f"{path} answers more than {most:,} bytes")
        return body

    def _refused(self, response: httpx.Response, body: bytes, path: str) -> SourceError:
        status = response.status_code
        if response.request.method == "POST" and status in NO_FORM:
            return _NoFormError(self.name, Reason.REJECTED, f"{path} takes no form")
        kind, said = refusals.server_text(body)
        said = hidden(refusals.without_own(said, response.request.headers))  # before it is cut
        reason = refusals.reason(status, kind, said)
        detail = f"{path} answers {status}"
        if known := refusals.advice(f"{' '.join(response.headers)} {said}", self._variable):
            detail += f": {known}"
        elif reason is Reason.UNAUTHORIZED:
            login = ", a redirect (to a login page?)" if response.has_redirect_location else ""
            detail += f"{login}: check {self._variable('TOKEN')}, or _USERNAME and _PASSWORD, and _TENANT"
        elif said:
            detail += f": {said[:200]}"
        if status in TEMPORARY and kind != "timeout":
            after = response.headers.get("Retry-After", "")
            return _TemporaryError(self.name, reason, detail, float(after) if after.isascii() and after.isdigit() else PAUSE)
        return SourceError(self.name, reason, detail)

    def _variable(self, last: str) -> str:
        return f"COMPASS_{self._backend.setting or self.name.upper()}_{last}"


class _TemporaryError(SourceError):
    """Worth one more attempt after `pause` seconds."""

    def __init__(self, source: str, reason: Reason, detail: str, pause: float) -> None:
        self.pause = pause
        super().__init__(source, reason, detail)


class _NoFormError(SourceError):
    """Worth asking with a GET."""


def fixed(url: str) -> Locate:
    async def locate() -> str:
        return url

    return locate


def authorization(token: str, username: str, password: str, tenant: str) -> dict[str, str]:
    """The headers that say who asks; an empty text is left out, a token wins over a password."""
    headers = {"X-Scope-OrgID": tenant} if tenant else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    elif username or password:
        headers["Authorization"] = "Basic " + b64encode(f"{username}:{password}".encode()).decode()
    return headers
