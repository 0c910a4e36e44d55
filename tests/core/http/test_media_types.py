"""Media types: the same on every system, whatever its tables say."""

import mimetypes
from pathlib import Path

import pytest

from lback.core.http.media_types import TYPES, media_type_of


@pytest.fixture(params=[{}, {".css": "text/plain", ".js": "text/plain", ".svg": "text/xml"}])
def tables(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the tables of the system, as in a small image or on Windows."""
    empty = mimetypes.MimeTypes()
    empty.types_map = ({}, dict(request.param))
    monkeypatch.setattr(mimetypes, "guess_type", empty.guess_type)


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.css", "text/css"),
        ("a.min.js", "text/javascript"),
        ("a.js.map", "application/json"),
        ("A.SVG", "image/svg+xml"),
        ("a.ttf", "font/ttf"),
        ("a.m4a", "audio/mp4"),
        ("a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.css.gz", "application/gzip"),
        ("a.tgz", "application/gzip"),
        ("a.tar.xz", "application/x-xz"),
        ("a.zzz", "application/octet-stream"),
        (".css", "application/octet-stream"),
        ("css", "application/octet-stream"),
    ],
)
def test_common_suffixes_do_not_depend_on_the_system(name: str, media_type: str) -> None:
    assert media_type_of(Path(name)) == media_type


def test_other_suffixes_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    known = mimetypes.MimeTypes()
    known.add_type("chemical/x-xyz", ".xyz")
    monkeypatch.setattr(mimetypes, "guess_type", known.guess_type)
    assert media_type_of(Path("a.xyz")) == "chemical/x-xyz"


def test_the_table_is_of_suffixes_in_lower_case() -> None:
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in TYPES)
    assert all(media_type.count("/") == 1 for media_type in TYPES.values())
