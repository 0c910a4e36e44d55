"""Problems that checks of the project report, and the setting that silences checks."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lback.core.exceptions import known_names

if TYPE_CHECKING:
    from lback.application import Application
    from lback.core.config import Config


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of the project.

    Attributes:
        what: What is wrong and where.
        why: The consequence.
        fix: How to fix it.
        is_error: True for an error, False for a warning, which may be intended.
        check: Name of the check that reports it, for `SILENCED_CHECKS`.
    """

    what: str
    why: str
    fix: str
    is_error: bool = True
    check: str = ""


Check = Callable[["Application"], Iterator[Problem]]


def run_checks(checks: Mapping[str, Check], app: "Application") -> list[Problem]:
    """Run checks on an application and return the problems, errors before warnings.

    Args:
        checks: Checks by name. Each one takes the application and yields problems.
        app: The application to check.
    """
    problems = [
        replace(problem, check=name) for name, check in checks.items() for problem in check(app)
    ]
    return sorted(problems, key=lambda problem: not problem.is_error)


def without_silenced(
    problems: list[Problem], config: "Config", known: Mapping[str, Check]
) -> tuple[list[Problem], list[Problem]]:
    """Split problems into reported and silenced ones by the setting `SILENCED_CHECKS`.

    Args:
        problems: Problems that checks reported.
        config: Settings of the project.
        known: All checks by name, which the setting may name.

    Returns:
        The reported problems, with a warning for each unknown name in the setting, and the
        silenced problems.
    """
    silenced = set(config.SILENCED_CHECKS)
    reported = [problem for problem in problems if problem.check not in silenced]
    unknown = [
        Problem(
            f"SILENCED_CHECKS names {name!r}, which {known_names(name, known)}",
            "an unknown name silences nothing",
            "correct or remove the name",
            is_error=False,
            check="settings",
        )
        for name in sorted(silenced - known.keys())
    ]
    return reported + unknown, [problem for problem in problems if problem.check in silenced]
