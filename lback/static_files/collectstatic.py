"""Collect all static files in one directory, also under names with a hash of their content.

Each file is written twice: under its own name, and under a hashed name that browsers may cache
forever. Files of earlier collections stay, because pages sent earlier refer to them. The manifest
is replaced last, and lists names of earlier collections for 30 days; only listed files are served.
"""

import gzip
import os
import posixpath
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path

from lback.core.exceptions import ConfigurationError
from lback.static_files.manifest import FILE_NAME, Manifest, read_manifest
from lback.static_files.references import has_references, rewrite
from lback.static_files.sources import Sources

DIGEST_LENGTH = 12
COMPRESSED = frozenset(
    {".css", ".csv", ".eot", ".html", ".ico", ".js", ".json", ".map", ".md", ".mjs"}
    | {".otf", ".svg", ".ttf", ".txt", ".wasm", ".xml"}
)
# Smaller files fit into one packet in any case.
MIN_COMPRESSED = 1024
MAX_COMPRESSED_SHARE = 0.95


@dataclass(slots=True)
class Collection:
    """Result of `collect`.

    Attributes:
        files: Plain names to hashed names.
        written: Names of written files, including compressed copies.
        removed: Names of removed files.
        warnings: Messages about references to missing files and about CSS that is not UTF-8.
    """

    files: dict[str, str] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def collect(
    sources: Sources,
    root: Path,
    static_url: str,
    *,
    clear: bool = False,
    dry_run: bool = False,
    now: float | None = None,
) -> Collection:
    """Write all static files of a project to a directory, as the command `collectstatic` does.

    Unchanged files are not written again. References between CSS files and source maps are
    rewritten to hashed names. Compressible files also get a copy with the suffix `.gz`.

    Args:
        sources: Directories to collect from.
        root: Absolute path of the target directory; created if missing.
        static_url: Setting `STATIC_URL`.
        clear: Remove files that are not part of this collection, such as earlier versions.
        dry_run: Only report what would be written and removed.
        now: Time in seconds since the epoch. None uses the system clock.

    Returns:
        What was written, removed and found missing.

    Raises:
        ConfigurationError: `root` overlaps with a source directory; or `clear` is set and `root`
            was not created by this function.
        OSError: A file cannot be read or written; the manifest is unchanged.
    """
    _check_root(sources, root, clear)
    digester = _Digester(sources.all(), static_url)
    collection = Collection(warnings=digester.warnings)
    expected = {FILE_NAME}
    for name in digester.files:
        content, other = digester.content(name), digester.name_of(name)
        collection.files[name] = other
        for target, data in _copies(name, other, content):
            expected.add(target)
            if _put(root / target, data, dry_run):
                collection.written.append(target)
    before = None if clear else read_manifest(root)
    if clear:
        collection.removed = list(_clear(root, expected, dry_run))
    moment = time.time() if now is None else now
    manifest = (before or Manifest()).replaced_by(collection.files, moment)
    _put(root / FILE_NAME, manifest.as_text().encode(), dry_run)
    return collection


def _check_root(sources: Sources, root: Path, clear: bool) -> None:
    for directory in (place.resolve() for place in sources.directories):
        if root == directory or root in directory.parents or directory in root.parents:
            raise ConfigurationError(
                f"STATIC_ROOT {str(root)!r} overlaps with the source directory {str(directory)!r} "
                "of static files; set it to a separate directory for collectstatic"
            )
    if clear and root.is_dir() and any(root.iterdir()) and read_manifest(root) is None:
        raise ConfigurationError(
            f"{str(root)!r} has files and was not created by collectstatic, so it is not "
            "cleared; check STATIC_ROOT, or remove the files yourself"
        )


class _Digester:
    """Compute hashed names, and rewrite references between files to these names."""

    def __init__(self, files: dict[str, Path], static_url: str) -> None:
        self.files = files
        self.warnings: list[str] = []
        self._static_url = static_url
        self._contents: dict[str, bytes] = {}
        self._names: dict[str, str] = {}
        self._open: set[str] = set()

    def content(self, name: str) -> bytes:
        """Return the content of a file with rewritten references."""
        if not has_references(name):
            return self.files[name].read_bytes()
        if name not in self._contents:
            self._open.add(name)
            self._contents[name] = self._rewritten(name)
            self._open.discard(name)
        return self._contents[name]

    def name_of(self, name: str) -> str:
        """Return the hashed name of a file."""
        if name not in self._names:
            digest = sha256(self.content(name)).hexdigest()[:DIGEST_LENGTH]
            stem, suffix = posixpath.splitext(name)
            self._names[name] = f"{stem}.{digest}{suffix}"
        return self._names[name]

    def _rewritten(self, name: str) -> bytes:
        data = self.files[name].read_bytes()
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self.warnings.append(f"{name} is not valid UTF-8; copied without changes")
            return data

        def new_name(target: str, may_be_missing: bool, line: int) -> str | None:
            if target in self.files:
                # In a circle of references, one must use the plain name.
                return None if target in self._open else self.name_of(target)
            if not may_be_missing:
                self.warnings.append(self._missing(name, line, target))
            return None

        return rewrite(name, text, self._static_url, new_name).encode()

    def _missing(self, name: str, line: int, target: str) -> str:
        near = get_close_matches(target, self.files, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"{name}, line {line}: there is no static file {target!r}{hint}"


def _copies(name: str, other: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    compressed = None
    if posixpath.splitext(name)[1].lower() in COMPRESSED and len(content) >= MIN_COMPRESSED:
        packed = gzip.compress(content, mtime=0)
        compressed = packed if len(packed) <= MAX_COMPRESSED_SHARE * len(content) else None
    for target in (name, other):
        yield target, content
        if compressed is not None:
            yield f"{target}.gz", compressed


def _put(path: Path, content: bytes, dry_run: bool) -> bool:
    """Write a file atomically unless it has this content; return True if it had to be written."""
    try:
        if path.stat().st_size == len(content) and path.read_bytes() == content:
            return False
    except FileNotFoundError:
        pass
    if not dry_run:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name[:200]}.{os.getpid()}.tmp")
        try:
            part.write_bytes(content)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    return True


def _clear(root: Path, expected: set[str], dry_run: bool) -> Iterator[str]:
    for place, _, files in os.walk(root, topdown=False):
        for file in files:
            path = Path(place) / file
            name = path.relative_to(root).as_posix()
            if name not in expected:
                yield name
                if not dry_run:
                    path.unlink()
        if not dry_run and Path(place) != root and not any(Path(place).iterdir()):
            Path(place).rmdir()
