"""Which alert a link of Alertmanager, Grafana, Prometheus or Karma is about; pure."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

_MATCHER: Final = re.compile(r'([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^",{}]*))')
_FILTERS: Final = {"filter", "matcher", "matchers", "queryString", "search", "q"}
_PAGES: Final = {"view", "edit", "find"}  # of one rule in Grafana


def is_link(reference: str) -> bool:
    return reference.startswith(("https://", "http://"))


def is_of(link: str, labels: Mapping[str, str], source: str) -> bool:
    """Whether the link leads to the alert with these labels whose rule is shown at `source` (its `generatorURL`).

    It does where it shows the same rule, whatever the name of the host, or filters alerts by labels that this one has.
    """
    wanted = _matched(link)
    return (bool(wanted) and all(labels.get(label) == value for label, value in wanted.items())) or _same_rule(link, source)


def _matched(link: str) -> dict[str, str]:
    """The labels that the link filters by: `#/alerts?filter={alertname="X"}`, `?queryString=alertname=X`, `&matcher=alertname=X`."""
    labels: dict[str, str] = {}
    _, query, behind = _parts(link)
    for name, text in (*parse_qsl(query), *parse_qsl(behind.partition("?")[2])):  # pages that never reload keep them behind `#`
        if name in _FILTERS:
            labels |= {label: quoted or plain.strip() for label, how, quoted, plain in _MATCHER.findall(text) if how == "="}
    return labels


def _same_rule(link: str, source: str) -> bool:
    mine, other = _parts(link), _parts(source)
    if not other[0] or mine[0] != other[0]:
        return False
    given, theirs = dict(parse_qsl(mine[1])), dict(parse_qsl(other[1]))
    shared = set(given) & set(theirs)
    is_own = mine[0].count("/") > 1  # `/alerting/grafana/ab12/view` is of one rule, `/graph` is of all
    return all(given[name] == theirs[name] for name in shared - {"orgId"}) and (is_own or "g0.expr" in shared)


def _parts(link: str) -> tuple[str, str, str]:
    """Path without the page of a rule, query, and what stands after `#`; nothing of what is no address."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return "", "", ""
    path, _, page = parts.path.rstrip("/").rpartition("/")
    return (path if page in _PAGES else parts.path.rstrip("/")), parts.query, parts.fragment
