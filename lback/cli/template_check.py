"""The check of templates: compiles every file and looks up the names that it uses."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, TemplateSyntaxError, nodes

from lback.cli.problems import Problem
from lback.core.exceptions import did_you_mean
from lback.core.templates import FRAMEWORK_DIRECTORY

if TYPE_CHECKING:
    from lback.application import Application
    from lback.core.templates import TemplateRenderer

_WHY = "pages that use it fail with status 500"
_REFERENCES = (nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)


def template_problems(app: "Application") -> Iterator[Problem]:
    """Yield problems of the templates of a project and its apps.

    Problems are syntax errors, unknown filters and tests, and missing templates that `extends`,
    `include` or `import` name literally.
    """
    yield from problems_of_templates(app.template_renderer)


def problems_of_templates(
    renderer: "TemplateRenderer", *, are_names_known: bool = True
) -> Iterator[Problem]:
    """Yield problems of the templates in the directories of a renderer, except those of Lback.

    Args:
        renderer: Renderer of the project.
        are_names_known: Whether the filters and tests of the project are registered, which
            building the application does. If not, names are not checked.
    """
    environment = renderer.environment
    existing = frozenset(environment.list_templates())
    for directory in renderer.directories:
        if Path(directory) == FRAMEWORK_DIRECTORY:
            continue
        for path in sorted(Path(directory).rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield from _problems_in(path, environment, existing, are_names_known)


def _problems_in(
    path: Path, environment: Environment, existing: Collection[str], are_names_known: bool
) -> Iterator[Problem]:
    try:
        source = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        if path.suffix in (".html", ".txt", ".xml"):
            fix = "save the file as UTF-8"
            yield Problem(f"{path}: not UTF-8 at byte {error.start}", _WHY, fix)
        return
    try:
        tree = environment.parse(source, path.name, str(path))
        problems = list(_unknown_names(tree, path, environment)) if are_names_known else []
        problems += _missing_templates(tree, path, existing)
        if not problems and are_names_known:
            environment.compile(tree, path.name, str(path))
    except TemplateSyntaxError as error:
        what = f"{path}, line {error.lineno}: {error.message}"
        problems = [Problem(what, _WHY, "correct that line")]
    yield from problems


def _unknown_names(tree: nodes.Template, path: Path, environment: Environment) -> Iterator[Problem]:
    kinds: dict[str, tuple[type[Any], Any]] = {
        "filter": (nodes.Filter, environment.filters),
        "test": (nodes.Test, environment.tests),
    }
    # `{% if "markdown" is filter %}` tests for a filter that may be missing.
    tested = {
        test.node.value
        for test in tree.find_all(nodes.Test)
        if test.name in kinds and isinstance(test.node, nodes.Const)
    }
    for kind, (node_type, known) in kinds.items():
        for node in tree.find_all(node_type):
            if node.name not in known and node.name not in tested:
                near = did_you_mean(node.name, known)
                yield Problem(
                    f"{path}, line {node.lineno}: unknown {kind} {node.name!r}{near}",
                    _WHY,
                    f"correct the name, or register the {kind} when the application is built: "
                    f"template_renderer.environment.{kind}s[{node.name!r}] = ...",
                )


def _missing_templates(
    tree: nodes.Template, path: Path, existing: Collection[str]
) -> Iterator[Problem]:
    for node in tree.find_all(_REFERENCES):
        names = _literal_names(getattr(node, "template"))  # noqa: B009  all of them have it
        if (
            not names
            or getattr(node, "ignore_missing", False)
            or any(name in existing for name in names)
        ):
            continue
        word = type(node).__name__.lower().removesuffix("import") or "import"
        near = did_you_mean(names[0], existing)
        yield Problem(
            f"{path}, line {node.lineno}: {word} names the missing template {names[0]!r}{near}",
            _WHY,
            "correct the name, or add the app with the template to INSTALLED_APPS",
        )


def _literal_names(node: nodes.Node) -> list[str]:
    """Return the literal names of templates in a node; empty if a name is computed."""
    if isinstance(node, nodes.Const):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, (nodes.List, nodes.Tuple)):
        parts = [_literal_names(item) for item in node.items]
        return [name for part in parts for name in part] if all(parts) else []
    return []
