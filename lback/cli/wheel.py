"""Packs the installed Lback into a wheel file for new projects, until it is on a package index.

The file holds the running code, whether it was installed from a wheel, a folder or a clone (`-e`).
Packing needs neither a network nor a build backend. Format: PyPA's binary distribution format 1.0.
"""

import csv
import io
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import lback
from lback.cli.signal_catalogue import PLACES as SIGNAL_TABLES
from lback.core.exceptions import ConfigurationError
from lback.distribution import NAME

PACKAGE = Path(lback.__file__).parent
# The other metadata describes one installation, or is written below.
_METADATA = ("METADATA", "entry_points.txt", "licenses/")
_WHEEL = "Wheel-Version: 1.0\nGenerator: lback\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
# The earliest time in a zip file; a fixed one makes the same file from the same content.
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)


def pack(directory: Path) -> Path:
    """Write the wheel file of the installed Lback into a directory and return its path.

    Args:
        directory: Directory for the file; created if it does not exist.

    Raises:
        ConfigurationError: Lback is importable but not installed.
    """
    dist = _installed()
    stem = f"{NAME.replace('-', '_')}-{dist.version}"
    info = f"{stem}.dist-info"
    files = {**dict(_code()), **{f"{info}/{name}": text for name, text in _metadata(dist)}}
    files[f"{info}/WHEEL"] = _WHEEL.encode()
    files = dict(sorted(files.items()))
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD")
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _TIMESTAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return path


def _installed() -> Distribution:
    try:
        return distribution(NAME)
    except PackageNotFoundError:
        raise ConfigurationError(
            f"Lback in {PACKAGE} is importable but not installed as {NAME}, and a new project "
            f"needs its version; run: pip install -e {PACKAGE.parent}"
        ) from None


def _code() -> Iterator[tuple[str, bytes]]:
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(PACKAGE.parent).as_posix(), path.read_bytes()
    # In a clone the table is part of the documentation.
    table = next(place for place in SIGNAL_TABLES if place.is_file())
    yield "lback/cli/signals.md", table.read_bytes()


def _metadata(dist: Distribution) -> Iterator[tuple[str, bytes]]:
    for file in sorted(dist.files or ()):
        folder, _, name = file.as_posix().partition(".dist-info/")
        if "/" not in folder and name.startswith(_METADATA):
            yield name, file.read_binary()


def _record(files: dict[str, bytes], own: str) -> bytes:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    for name, content in files.items():
        digest = urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()
        lines.writerow((name, f"sha256={digest}", len(content)))
    lines.writerow((own, "", ""))
    return text.getvalue().encode()
