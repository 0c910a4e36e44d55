"""Extracts messages from Python, templates and JavaScript with Babel."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lback.core.exceptions import ConfigurationError
from lback.core.templates.renderer import places_of
from lback.i18n.babel import require_babel
from lback.i18n.catalogues import PROJECT_DOMAIN, CatalogueDirectory

require_babel("lback messages")

from babel.messages.catalog import Catalog  # noqa: E402  after the message of `require_babel`
from babel.messages.extract import extract  # noqa: E402

if TYPE_CHECKING:
    from lback.core.config import Config

# Comments for translators begin with it, on the lines before a message.
COMMENT_TAG = "Translators:"
_ONE, _MANY = None, (1, 2)
_CONTEXT, _CONTEXT_MANY = ((1, "c"), 2), ((1, "c"), 2, 3)
KEYWORDS: Mapping[str, Any] = {
    "_": _ONE,
    "gettext": _ONE,
    "gettext_lazy": _ONE,
    "gettext_noop": _ONE,
    "ngettext": _MANY,
    "ngettext_lazy": _MANY,
    "pgettext": _CONTEXT,
    "pgettext_lazy": _CONTEXT,
    "npgettext": _CONTEXT_MANY,
}
# The options are those of `lback.core.templates.messages`.
_TEMPLATE = ("jinja2.ext:babel_extract", {"newstyle_gettext": "true", "trimmed": "true", "silent": "false"})  # fmt: skip  # noqa: E501
_METHODS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    ".py": ("python", {}),
    ".js": ("javascript", {}),
    ".mjs": ("javascript", {}),
}
_SKIPPED = frozenset(
    {"__pycache__", "build", "dist", "locale", "migrations", "node_modules", "tests", "venv"}
)


class MessageSource(NamedTuple):
    """A directory with code and templates, and where its catalogues are.

    Attributes:
        name: For messages: "project", or the name of an app.
        root: The directory.
        catalogues: Where the catalogues of its messages are.
        excluded: Directories in it whose messages belong to other catalogues or to none.
        keywords: Further functions and the arguments that are messages, as in `KEYWORDS`.
    """

    name: str
    root: Path
    catalogues: CatalogueDirectory
    excluded: tuple[Path, ...] = ()
    keywords: Mapping[str, Any] = {}

    @property
    def template(self) -> Path:
        """Path of the `.pot` file with all messages."""
        return self.catalogues.path / f"{self.catalogues.domain}.pot"


def message_sources(config: "Config") -> list[MessageSource]:
    """Return the sources of a project: its own, and each app in it that has a `locale` directory.

    Args:
        config: Settings: `PROJECT_ROOT`, `INSTALLED_APPS` and `STATIC_ROOT`.

    Raises:
        ConfigurationError: There is no project.
    """
    if not config.PROJECT_ROOT:
        raise ConfigurationError("lback messages needs a project; run it where settings.py is")
    root = Path(config.PROJECT_ROOT).resolve()
    apps = {
        app: place.resolve()
        for app in config.INSTALLED_APPS
        for place in places_of(app)
        if (place / "locale").is_dir() and place.resolve().is_relative_to(root)
    }
    collected = (root / config.STATIC_ROOT).resolve()
    own = MessageSource(
        "project",
        root,
        CatalogueDirectory(root / "locale", PROJECT_DOMAIN),
        (collected, *(place for place in apps.values() if place != root)),
    )
    return [
        own,
        *(
            MessageSource(app, place, CatalogueDirectory(place / "locale", PROJECT_DOMAIN))
            for app, place in apps.items()
            if place != root
        ),
    ]


def extract_messages(source: MessageSource) -> Catalog:
    """Return all messages of a source, with the lines that use them and comments for translators.

    Args:
        source: The source.

    Raises:
        ConfigurationError: A file cannot be parsed; the message names it.
    """
    catalogue = Catalog(
        project=source.root.name, version="", charset="utf-8", fuzzy=False, header_comment=""
    )
    for path in _files(source.root, source.excluded):
        name = path.relative_to(source.root).as_posix()
        for line, message, comments, context in _messages(path, source.keywords):
            if message not in ("", ("",)):
                catalogue.add(
                    message, None, [(name, line)], auto_comments=comments, context=context
                )
    return catalogue


def _messages(path: Path, keywords: Mapping[str, Any]) -> Iterator[tuple[int, Any, list[str], Any]]:
    method, options = _METHODS.get(path.suffix, _TEMPLATE)
    try:
        with path.open("rb") as file:
            yield from extract(
                method,
                file,
                {**KEYWORDS, **keywords},
                [COMMENT_TAG],
                options,
                strip_comment_tags=True,
            )
    except Exception as error:  # whatever the parsers of Python and Jinja2 raise
        raise ConfigurationError(f"{path} cannot be parsed: {error}") from error


def _files(root: Path, excluded: Sequence[Path]) -> Iterator[Path]:
    """Yield the files that may have messages, in order: code, scripts, and all of `templates/`."""
    for directory, names, files in os.walk(root):
        here = Path(directory)
        names[:] = sorted(name for name in names if not _is_skipped(here / name, excluded))
        is_template = "templates" in here.relative_to(root.parent).parts
        for name in sorted(files):
            path = here / name
            if path.suffix in _METHODS or (is_template and _is_text(path)):
                yield path


def _is_skipped(path: Path, excluded: Iterable[Path]) -> bool:
    return (
        path.name.startswith(".")
        or path.name in _SKIPPED
        or path in excluded
        or (path / "pyvenv.cfg").exists()
    )


def _is_text(path: Path) -> bool:
    suffixes = {".html", ".htm", ".xhtml", ".xml", ".txt", ".svg", ".j2", ".jinja", ".jinja2"}
    return path.suffix in suffixes
