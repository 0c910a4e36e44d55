"""Fuzz for a bounded time: `python -m tests.fuzz.run --seconds 60 [TARGET …]`.

An input that breaks a promise is shrunk and kept in `tests/fuzz/corpus/TARGET/`, where the normal
tests find it; the exit code is then 1.
"""

import argparse
import hashlib
import logging
import random
import sys
import time
import traceback

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.inputs import CORPUS, inputs
from tests.fuzz.targets import TARGETS

BATCH = 300


def main() -> int:
    """Run the targets one after another."""
    parser = argparse.ArgumentParser(description="Fuzz the parsers of Lback.")
    parser.add_argument("--seconds", type=float, default=60, help="for each target")
    parser.add_argument("targets", nargs="*", default=list(TARGETS), help=", ".join(TARGETS))
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    broken = [name for name in options.targets if not fuzz(name, options.seconds)]
    return 1 if broken else 0


def fuzz(name: str, seconds: float) -> bool:
    """Run one target, print what was done, and return True if nothing was found."""
    target, deadline, count = TARGETS[name], time.monotonic() + seconds, 0
    last = b""

    def run(data: bytes) -> None:
        nonlocal last, count
        last, count = data, count + 1
        target(data)

    while time.monotonic() < deadline:
        # A batch of its own seed each: Hypothesis has no bound of time.
        batch = settings(
            max_examples=BATCH, deadline=None, database=None,
            phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck),
        )(seed(random.getrandbits(64))(given(inputs(name))(run)))  # fmt: skip
        try:
            batch()
        except Exception:  # noqa: BLE001  shown and kept
            kept = CORPUS / name / hashlib.sha256(last).hexdigest()[:12]
            kept.write_bytes(last)
            traceback.print_exc()
            sys.stdout.write(f"{name}: BROKEN by {last!r}, kept as {kept.name}\n")
            return False
    sys.stdout.write(f"{name}: {count} inputs in {seconds:.0f} s, nothing found\n")
    sys.stdout.flush()
    return True


if __name__ == "__main__":
    sys.exit(main())
