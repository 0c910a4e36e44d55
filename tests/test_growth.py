"""The measure of growth finds quadratic work, and nothing else."""

import re
from pathlib import Path

import pytest

from tests.growth import assert_linear, assert_linear_in


def test_quadratic_work_is_found() -> None:
    with pytest.raises(AssertionError, match="times as long"):
        assert_linear(lambda text: sum(a != b for a in text for b in text), "a" * 3000)
    with pytest.raises(AssertionError, match="times as long"):
        assert_linear(re.compile("(a+)+b").match, "a" * 22)


def test_linear_work_passes() -> None:
    assert_linear(lambda text: [ord(letter) for letter in text], "a" * 400_000)
    assert_linear(len, b"a" * 400_000)
    assert_linear_in(lambda scale: sorted(range(scale * 100_000)))


ROOT = Path(__file__).parent
A_TIME = re.compile(r"assert .*\b(?:perf_counter|monotonic|\w*time)\(\) - \w+ *[<>]")


def test_no_test_asserts_a_time() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted(ROOT.rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if A_TIME.search(line)
    ]
    assert not found, "count the work, or compare its growth: tests/growth.py"
