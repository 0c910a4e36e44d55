"""Runs every test file in a process of its own: `make test-alone`, or with files as arguments.

A file that passes only after another one has imported or created something fails here.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTHING_RAN = 5  # exit code of pytest where all tests are deselected


def main(arguments: list[str]) -> int:
    """Run the files and return how many failed.

    Args:
        arguments: Files relative to the repository, all by default; options go to pytest.
    """
    options = [argument for argument in arguments if argument.startswith("-")]
    files = [argument for argument in arguments if argument not in options] or [
        path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "tests").rglob("test_*.py"))
    ]
    failed = [file for file in files if not _passes(file, options)]
    for file in failed:
        sys.stdout.write(f"fails by itself: {file}\n")
    sys.stdout.write(f"{len(files)} files by themselves, {len(failed)} failed\n")
    return len(failed)


def _passes(file: str, options: list[str]) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, file]
    result = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if result.returncode in (0, NOTHING_RAN):
        return True
    sys.stdout.write(result.stdout[-4000:] + result.stderr[-4000:])
    sys.stdout.flush()
    return False


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 100))
