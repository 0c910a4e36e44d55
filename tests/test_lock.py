"""The locked versions: complete, hashed, within the bounds, and tied to no package index."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
GROUPS = PROJECT["dependency-groups"]
LOCKS = {
    "requirements/run.txt": [PROJECT["project"]["dependencies"], GROUPS["build"]],
    "requirements/dev.txt": [
        PROJECT["project"]["dependencies"],
        GROUPS["build"],
        *EXTRAS.values(),
    ],
    "requirements/docs.txt": [GROUPS["docs"]],
    "requirements/resolver.txt": [GROUPS["resolver"]],
    "benchmarks/requirements.txt": [PROJECT["project"]["dependencies"], GROUPS["build"]],
    "benchmarks/requirements-compiled.txt": [],
}


def locked(name: str) -> dict[str, list[tuple[Requirement, int]]]:
    """Return what a lock names: each package with its versions and how many hashes each has."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    found: dict[str, list[tuple[Requirement, int]]] = {}
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            statement, *hashes = line.split("--hash=sha256:")
            requirement = Requirement(statement.strip())
            found.setdefault(canonicalize_name(requirement.name), []).append(
                (requirement, len(hashes))
            )
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_one_version_and_hashes(name: str) -> None:
    assert locked(name)
    for requirement, hashes in (entry for entries in locked(name).values() for entry in entries):
        assert [one.operator for one in requirement.specifier] == ["=="], requirement
        assert requirement.url is None, requirement
        assert hashes, requirement


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_package_index(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash)", text, re.MULTILINE)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_every_dependency_within_its_bounds(name: str) -> None:
    entries = locked(name)
    wanted = [Requirement(text) for group in LOCKS[name] for text in group]
    for requirement in wanted:
        if canonicalize_name(requirement.name) == PROJECT["project"]["name"]:
            continue
        versions = entries.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement} is not locked; run: make upgrade"
        for version, _ in versions:
            (pin,) = version.specifier
            assert requirement.specifier.contains(pin.version), f"{version}; run: make upgrade"


def test_what_runs_is_locked_at_one_version_everywhere() -> None:
    run, dev = locked("requirements/run.txt"), locked("requirements/dev.txt")
    assert {name: [str(one) for one, _ in run[name]] for name in run} == {
        name: [str(one) for one, _ in dev[name]] for name in run
    }


def test_the_build_backend_is_locked_within_the_bounds_of_the_build() -> None:
    assert set(PROJECT["build-system"]["requires"]) <= set(GROUPS["build"])


def test_every_dependency_of_lback_has_a_lower_bound() -> None:
    groups = [PROJECT["project"]["dependencies"], *EXTRAS.values(), *GROUPS.values()]
    for requirement in (Requirement(text) for group in groups for text in group):
        if canonicalize_name(requirement.name) != PROJECT["project"]["name"]:
            assert any(one.operator == ">=" for one in requirement.specifier), requirement
