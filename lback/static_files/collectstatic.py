"""`collectstatic`: all static files in one directory, under names that change with their content.

Each file is there twice: under its own name, and under one with a digest in it, which browsers
may keep for ever. Files of an earlier collection stay, for pages that were sent before; the
manifest, which the new pages go by, is replaced last. It lists names of earlier collections for
30 days; only listed files are served.
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
# Below this a packet is not saved.
MIN_COMPRESSED = 1024
MAX_COMPRESSED_SHARE = 0.95


@dataclass(slots=True)
class Collection:
    """What was collected.

    Attributes:
        files: Plain names to the names with a digest.
        written: Names that were written, compressed copies among them.
        removed: Names that were removed.
        warnings: References to files that do not exist.
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
    """Bring a directory in line with the static files of a project.

    Args:
        sources: Where they are.
        root: The directory; made if it is missing.
        static_url: `STATIC_URL`.
        clear: Remove what is of no use any more, such as files of earlier collections.
        dry_run: Only tell what would be done.
        now: Seconds since the epoch; None asks the clock.

    Raises:
        ConfigurationError: The directory is where static files come from, or it is to be
            cleared and was not made by this function.
        OSError: A file cannot be read or written; the manifest is as it was.
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
                f"STATIC_ROOT is {str(root)!r}, and static files come from {str(directory)!r}; "
                "name a directory of its own, which collectstatic fills"
            )
    if clear and root.is_dir() and any(root.iterdir()) and read_manifest(root) is None:
        raise ConfigurationError(
            f"{str(root)!r} holds files and was not made by collectstatic, so that it is not "
            "cleared; check STATIC_ROOT, or remove the files yourself"
        )


class _Digester:
    """Names files by their content, and has those that refer to others use the new names."""

    def __init__(self, files: dict[str, Path], static_url: str) -> None:
        self.files = files
        self.warnings: list[str] = []
        self._static_url = static_url
        self._contents: dict[str, bytes] = {}
        self._names: dict[str, str] = {}
        self._open: set[str] = set()

    def content(self, name: str) -> bytes:
        """Return what a file holds, with the new names of the files it refers to."""
        if not has_references(name):
            return self.files[name].read_bytes()
        if name not in self._contents:
            self._open.add(name)
            self._contents[name] = self._rewritten(name)
            self._open.discard(name)
        return self._contents[name]

    def name_of(self, name: str) -> str:
        """Return the name that says what a file holds."""
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
            self.warnings.append(f"{name} is no UTF-8 text; it is copied as it is")
            return data

        def new_name(target: str, may_be_missing: bool, line: int) -> str | None:
            if target in self.files:
                # Of files that refer to each other, one has to go by the plain name.
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
    """Write a file, whole or not at all, unless it is there already."""
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
