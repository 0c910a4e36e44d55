"""Problems: what a check of the project finds, under a name that a setting can silence."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lback.core.exceptions import known_names

if TYPE_CHECKING:
    from lback.application import Application
    from lback.core.config import Config


@dataclass(frozen=True, slots=True)
class Problem:
    """What is not as it should be.

    Attributes:
        what: The value and the place.
        why: What comes of it.
        fix: The way out.
        grave: `False` for what may be meant so.
        check: Name of the check that found it, for `SILENCED_CHECKS`.
    """

    what: str
    why: str
    fix: str
    grave: bool = True
    check: str = ""


Check = Callable[["Application"], Iterator[Problem]]


def found_by(checks: Mapping[str, Check], app: "Application") -> list[Problem]:
    """Return what the checks find in an application, errors before warnings."""
    found = [
        replace(problem, check=name) for name, check in checks.items() for problem in check(app)
    ]
    return sorted(found, key=lambda problem: not problem.grave)


def without_silenced(
    problems: list[Problem], config: "Config", known: Mapping[str, Check]
) -> tuple[list[Problem], list[Problem]]:
    """Divide problems by `SILENCED_CHECKS`.

    Args:
        problems: What was found.
        config: Holds the setting.
        known: The checks that it may name.

    Returns:
        What is left, with a warning for each name that is no check, and what is silenced.
    """
    silenced = set(config.SILENCED_CHECKS)
    left = [problem for problem in problems if problem.check not in silenced]
    unknown = [
        Problem(
            f"SILENCED_CHECKS names {name!r}, which {known_names(name, known)}",
            "it silences nothing",
            "correct the name, or take it out",
            grave=False,
            check="settings",
        )
        for name in sorted(silenced - known.keys())
    ]
    return left + unknown, [problem for problem in problems if problem.check in silenced]
