"""Each target of the fuzzers takes what was kept, and a few inputs more."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.inputs import CORPUS, inputs, kept
from tests.fuzz.targets import TARGETS

KEPT = [path for name in TARGETS for path in kept(name)]


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_kept_breaks_nothing(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_a_few_new_inputs_break_nothing(name: str) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(inputs(name))
    def run(data: bytes) -> None:
        TARGETS[name](data)

    run()


def test_every_target_has_a_corpus_and_every_corpus_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)


@settings(max_examples=20)
@given(st.data())
def test_inputs_are_bounded(data: st.DataObject) -> None:
    assert len(data.draw(inputs("json_body"))) <= 20_000
