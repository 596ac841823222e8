"""Versions: every distribution that is installed here is pinned, to the version that is installed."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Mapping

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
INSTALLED = ("direct", "dev", "model", "transitive")
PINNED = re.compile(r"==[0-9][0-9A-Za-z.+!]*")


def declared() -> dict[str, list[str]]:
    """The requirement texts of each place that pins something."""
    content: dict[str, Any] = tomllib.loads(PYPROJECT.read_text())
    uv = content["tool"]["uv"]
    return {
        "direct": content["project"]["dependencies"],
        **content["dependency-groups"],
        "transitive": uv["constraint-dependencies"],
        "build": [*content["build-system"]["requires"], *uv["build-constraint-dependencies"]],
    }


def pins(texts: list[str]) -> dict[str, str]:
    """Version by canonical name, of the requirements that apply on this machine."""
    wanted = [Requirement(text) for text in texts]
    return {canonicalize_name(each.name): str(each.specifier)[2:] for each in wanted if each.marker is None or each.marker.evaluate()}


def amiss(installed: Mapping[str, str], pinned: Mapping[str, str]) -> list[str]:
    """What is installed and not pinned to that version."""
    return [f"{name} {version}, pinned: {pinned.get(name)}" for name, version in sorted(installed.items()) if pinned.get(name) != version]


def test_every_installed_distribution_is_pinned_to_its_version() -> None:
    here = tomllib.loads(PYPROJECT.read_text())["project"]["name"]
    installed = {str(canonicalize_name(each.name)): each.version for each in distributions() if each.name != here}
    everywhere = declared()
    assert amiss(installed, pins([text for place in INSTALLED for text in everywhere[place]])) == []


def test_a_missing_and_a_different_pin_are_noticed() -> None:
    pinned = pins(["Some_Thing==1.0", "elsewhere==2; sys_platform == 'nowhere'"])
    assert amiss({"some-thing": "1.0"}, pinned) == []
    assert amiss({"some-thing": "1.1"}, pinned) == ["some-thing 1.1, pinned: 1.0"]
    assert amiss({"elsewhere": "2", "new": "3"}, pinned) == ["elsewhere 2, pinned: None", "new 3, pinned: None"]


@pytest.mark.parametrize("place", [*INSTALLED, "build"])
def test_pins_are_exact_and_name_no_address(place: str) -> None:
    wanted = [Requirement(text) for text in declared()[place]]
    assert [str(each) for each in wanted if not PINNED.fullmatch(str(each.specifier)) or each.url] == []


@pytest.mark.parametrize("place", INSTALLED)
def test_pins_are_in_order_and_only_once(place: str) -> None:
    names = [canonicalize_name(Requirement(text).name) for text in declared()[place]]
    assert names == sorted(set(names))


def test_no_distribution_is_pinned_in_two_places() -> None:
    everywhere = declared()
    names = [name for place in INSTALLED for name in pins(everywhere[place])]
    assert len(names) == len(set(names))
