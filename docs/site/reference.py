"""Writes `docs/reference` from the docstrings, settings and commands: `make reference`.

The package is read and not run (griffe), apart from the commands and the account pages, which
know their options and addresses only when they are imported.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import griffe

from docs.site import commands, settings
from docs.site.docstrings import cell, code, prose, sections, source, table
from docs.site.pages import PAGES, PUBLIC_PACKAGES, Page

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference"
WIDTH = 88
# The name of a class, or of one of its members.
NAMES_OF_CODE = re.compile(r"`([A-Z]\w*[a-z]\w*(?:\.[a-z_]\w*)?)(?:\(\))?`")


@dataclass(slots=True)
class Entry:
    """A public name, where it is imported from, and where it is shown."""

    name: str
    package: str
    item: Any
    page: Page

    @property
    def heading(self) -> str:
        """The heading, whose anchor differs for a class and a function of nearly one name."""
        if self.item.is_class:
            return f"class {self.name}"
        return f"{self.name}()" if self.item.is_function else self.name


@dataclass(slots=True)
class Reference:
    """All entries, by the canonical path of what they show."""

    entries: dict[str, Entry] = field(default_factory=dict)

    def of(self, page: Page) -> list[Entry]:
        """Return the entries of a page, in its order."""
        return [entry for entry in self.entries.values() if entry.page is page]

    def address(self, name: str, page: Page) -> str | None:
        """Return the link from a page to a class or one of its members, if there is just one."""
        owner, _, member = name.partition(".")
        found = [entry for entry in self.entries.values() if entry.name == owner]
        if len(found) != 1 or not found[0].item.is_class:
            return None
        (entry,) = found
        heading = entry.heading
        if member:
            shown = dict(members_of(entry.item, self))
            if member not in shown:
                return None
            heading = heading_of(entry, member, shown[member])
        place = "" if entry.page is page else f"{entry.page.slug}.md"
        return f"{place}#{anchor(heading)}"


def anchor(heading: str) -> str:
    """Return the name by which links find a heading, as code hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-")


@cache
def load() -> Any:
    """Read the package."""
    return griffe.load(
        "lback", search_paths=[ROOT], docstring_parser="google", try_relative_path=False
    )


def find(path: str) -> Any:
    """Return the object behind a dotted path, whichever module it is defined in.

    Raises:
        LookupError: There is none.
    """
    if path == "lback":
        return load()
    package, _, name = path.rpartition(".")
    # A package may offer a function by the name of one of its modules: the import wins.
    imports = load()[package.removeprefix("lback.")].imports if "." in package else load().imports
    if imports.get(name, path) != path:
        return find(imports[name])
    try:
        item: Any = load()[path.removeprefix("lback.")]
    except KeyError:
        raise LookupError(f"there is no {path!r}, which docs/site/pages.py names") from None
    return item.final_target if item.is_alias else item


def public_names(package: str) -> list[str]:
    """Return the `__all__` of a package."""
    return [str(name) for name in find(package).exports or ()]


def collect() -> Reference:
    """Return the reference with every entry that the table of pages names."""
    reference = Reference()
    for page in PAGES:
        for line in page.names:
            package, _, names = line.partition(":")
            for name in names.split() or public_names(package):
                item = find(f"{package}.{name}")
                shortest = "lback" if name in public_names("lback") else package
                reference.entries.setdefault(item.path, Entry(name, shortest, item, page))
    return reference


def missing(reference: Reference) -> list[str]:
    """Return the public names that have no entry; submodules such as `lback.admin` need none."""
    return [
        f"{package}.{name}"
        for package in PUBLIC_PACKAGES
        for name in public_names(package)
        if find(f"{package}.{name}").path not in reference.entries
    ]


def members_of(item: Any, reference: Reference) -> Iterator[tuple[str, Any]]:
    """Return public methods, properties and documented attributes of a class.

    Those of a base are among them unless that base has an entry of its own.
    """
    bases = [base for base in item.mro() if base.path.startswith("lback.")]
    seen: set[str] = set()
    for owner in [item, *(base for base in bases if base.path not in reference.entries)]:
        for name, member in owner.members.items():
            if name.startswith("_") or name in seen or member.is_alias or member.is_class:
                continue
            seen.add(name)
            shown = member.is_function or "property" in member.labels or member.docstring
            if shown or described(member):
                yield name, member


def described(member: Any) -> str:
    """Return the description that a value of the request has as its second argument."""
    value: Any = member.value if member.is_attribute else None
    if value is None or str(getattr(value, "function", "")) != "_context_value":
        return ""
    return str(ast.literal_eval(str(value.arguments[1])))


def heading_of(entry: Entry, name: str, member: Any) -> str:
    """Return the heading of a member."""
    return f"{entry.name}.{name}{'()' if member.is_function else ''}"


def signature(name: str, item: Any) -> str:
    """Return how something is called, on lines of their own where one is too long."""
    parameters = _parameters([one for one in item.parameters if one.name not in ("self", "cls")])
    if item.is_class and "NamedTuple" in map(str, item.bases):
        parameters = _fields(item)
    returns = "" if item.is_class or item.returns is None else f" -> {source(item.returns)}"
    line = f"{name}({', '.join(parameters)}){returns}"
    if len(line) <= WIDTH:
        return line
    return "\n".join(
        [f"{name}(", *(f"    {parameter}," for parameter in parameters), f"){returns}"]
    )


def how_to_use(name: str, item: Any) -> str:
    """Return the signature of a class or function, and what another name stands for."""
    if item.is_class and "Enum" in map(str, item.bases):
        return "\n".join(f"{name}.{member}" for member in item.members if member.isupper())
    if item.is_class or item.is_function:
        return signature(name, item)
    if item.is_attribute and item.annotation:
        return f"{name}: {source(item.annotation)}"
    return f"{name} = {source(item.value)}" if item.value else ""


def stands_for(item: Any) -> str:
    """Return what a name without a docstring is: an alias, an instance or a bound method."""
    value = str(item.value)
    if re.fullmatch(r"[A-Z]\w+", value):
        return f"Another name of `{value}`."
    if made := re.fullmatch(r"([A-Z]\w+)\(\)", value):
        return f"An instance of `{made[1]}`."
    owner, _, method = value.partition(".")
    made = re.fullmatch(r"(\w+)\(\)", str(getattr(item.parent.members.get(owner), "value", "")))
    return f"The method `{made[1]}.{method}` of `{owner}`." if made else ""


def _fields(item: Any) -> list[str]:
    """Return the parameters of a named tuple."""
    return [
        f"{name}: {source(member.annotation)}"
        + (f" = {source(member.value)}" if member.value else "")
        for name, member in item.members.items()
        if member.is_attribute and "class-attribute" in member.labels and member.annotation
    ]


def _parameters(parameters: list[griffe.Parameter]) -> list[str]:
    written: list[str] = []
    before: griffe.ParameterKind | None = None
    for parameter in parameters:
        kind = parameter.kind
        if before is griffe.ParameterKind.positional_only and kind is not before:
            written.append("/")
        if kind is griffe.ParameterKind.keyword_only and before not in (
            griffe.ParameterKind.keyword_only,
            griffe.ParameterKind.var_positional,
        ):
            written.append("*")
        written.append(_parameter(parameter))
        before = kind
    return written


def _parameter(parameter: griffe.Parameter) -> str:
    stars = {"variadic positional": "*", "variadic keyword": "**"}.get(
        parameter.kind.value if parameter.kind else "", ""
    )
    annotation = f": {source(parameter.annotation)}" if parameter.annotation else ""
    if parameter.default is None or stars:
        return f"{stars}{parameter.name}{annotation}"
    equals = " = " if annotation else "="
    return f"{parameter.name}{annotation}{equals}{source(parameter.default)}"


class PageWriter:
    """Writes one page of the reference.

    Args:
        page: The page.
        reference: All entries, for links.
    """

    def __init__(self, page: Page, reference: Reference) -> None:
        self.page = page
        self.reference = reference
        self.current = ""

    def link(self, span: str) -> str:
        """Return a code span as a link to the entry of the class that it names."""
        found = NAMES_OF_CODE.fullmatch(span)
        if found is None or found[1] == self.current:
            return span
        address = self.reference.address(found[1], self.page)
        return f"[{span}]({address})" if address else span

    def write(self) -> str:
        """Return the text of the page."""
        entries = self.reference.of(self.page)
        parts = [f"# {self.page.title}", NOTE, self.contents(entries)]
        for entry in entries:
            parts += self.entry(entry)
        if self.page.extra:
            parts += EXTRAS[self.page.extra](self)
        return "\n\n".join(part for part in parts if part) + "\n"

    def contents(self, entries: list[Entry]) -> str:
        """Return the table of what the page shows."""
        rows = [
            (
                f"[`{entry.name}`](#{anchor(entry.heading)})",
                code(entry.package),
                self.summary(entry.item),
            )
            for entry in entries
        ]
        return table(("name", "import from", "summary"), rows)

    def summary(self, item: Any) -> str:
        """Return the first sentence of a docstring."""
        if item.docstring is None:
            return prose(stands_for(item), self.link) or code(source(item.value or ""))
        return cell(item.docstring.value.strip().split("\n\n")[0], self.link)

    def entry(self, entry: Entry) -> Iterator[str]:
        """Return heading, signature, docstring and members of a public name."""
        self.current = entry.name
        yield f"## {entry.heading}"
        import_line = f"from {entry.package} import {entry.name}"
        call = how_to_use(entry.name, entry.item)
        yield "\n".join(["```py", import_line, *(["", call] if call else []), "```"])
        if entry.item.is_class:
            bases = [text for base in entry.item.bases if (text := self.base(base))]
            yield f"Inherits from {', '.join(bases)}." if bases else ""
        yield from sections(entry.item, self.link)
        if entry.item.docstring is None:
            yield prose(stands_for(entry.item), self.link)
        if entry.item.is_class:
            yield from self.constructor(entry.item)
            for name, member in members_of(entry.item, self.reference):
                yield from self.member(entry, name, member)

    def base(self, base: Any) -> str:
        """Return the name of a base class as a link, or nothing for one without an entry."""
        span = f"`{str(base).split('[')[0].rpartition('.')[2]}`"
        linked = self.link(span)
        return linked if linked != span or str(base).split("[")[0] in STANDARD_BASES else ""

    def constructor(self, item: Any) -> Iterator[str]:
        """Return the docstring of `__init__`, where it has one."""
        made = item.members.get("__init__")
        if made is not None and not made.is_alias:
            yield from sections(made, self.link)

    def member(self, entry: Entry, name: str, member: Any) -> Iterator[str]:
        """Return heading, signature and docstring of a member of a class."""
        yield f"### {heading_of(entry, name, member)}"
        if member.is_function:
            kind = next((f"@{one}\n" for one in KINDS if one in member.labels), "")
            start = "async " if "async" in member.labels else ""
            yield f"```py\n{kind}{start}{signature(name, member)}\n```"
        elif member.annotation:
            yield f"```py\n{name}: {source(member.annotation)}\n```"
        yield from sections(member, self.link) or [described(member)]


STANDARD_BASES = ("ABC", "Enum", "Exception", "NamedTuple", "Protocol", "StrEnum", "dict", "list")
KINDS = ("classmethod", "staticmethod")
NOTE = "<!-- Written by `make reference` from the docstrings; edit those. -->"


def _fixtures(writer: PageWriter) -> list[str]:
    plugin = find("lback.testing.plugin")
    shown = [
        (code(name), code(member.returns or ""), cell(member.docstring.value, writer.link))
        for name, member in plugin.members.items()
        if not member.is_alias
        and member.is_function
        and any("fixture" in str(d.value) for d in member.decorators)
    ]
    intro = "pytest finds these in every project where Lback is installed."
    return ["## Fixtures", intro, table(("fixture", "type", "description"), shown)]


def _account_pages(writer: PageWriter) -> list[str]:
    from lback.accounts.urls import urlpatterns

    rows = []
    for path, view, methods, name, _ in urlpatterns:
        item = find(f"{view.__module__}.{view.__name__}")
        rows.append((code(path), code(name), ", ".join(methods or ()), writer.summary(item)))
    intro = '`include("lback.accounts.urls", "/accounts/")` adds these routes.'
    return ["## Routes", intro, table(("path", "name", "methods", "what it does"), rows)]


EXTRAS = {"fixtures": _fixtures, "account pages": _account_pages}


def index(reference: Reference) -> str:
    """Return the first page: all pages, and every public name."""
    pages = [(f"[{page.title}]({page.slug}.md)", _names(reference, page)) for page in PAGES]
    pages += [
        ("[Settings](settings.md)", "every setting, its type and default"),
        ("[Commands](commands.md)", "every command of `lback`, with its options"),
        ("[Signals sent by Lback](../signals.md)", "every signal, its sender and arguments"),
    ]
    return "\n\n".join(["# Reference", NOTE, table(("page", "names"), pages)]) + "\n"


def _names(reference: Reference, page: Page) -> str:
    return ", ".join(
        f"[`{entry.name}`]({page.slug}.md#{anchor(entry.heading)})" for entry in reference.of(page)
    )


def build() -> dict[str, str]:
    """Return the text of every page by the name of its file.

    Raises:
        LookupError: A public name is on no page.
    """
    reference = collect()
    lacking = missing(reference)
    if lacking:
        raise LookupError(f"no page in docs/site/pages.py shows {', '.join(lacking)}")
    written = {f"{page.slug}.md": PageWriter(page, reference).write() for page in PAGES}
    return {
        "README.md": index(reference),
        **written,
        "settings.md": settings.page(NOTE),
        "commands.md": commands.page(NOTE),
    }


def main() -> None:
    """Write the pages, and remove those that are no longer there."""
    FOLDER.mkdir(exist_ok=True)
    pages = build()
    for path in FOLDER.glob("*.md"):
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"docs/reference: {len(pages)} pages\n")


if __name__ == "__main__":
    main()
