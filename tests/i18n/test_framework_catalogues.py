"""The framework's own texts: all are marked, and complete in each language."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, nodes

import lback
from lback.core.templates.messages import add_translation
from lback.i18n.catalogues import compile_source
from lback.i18n.checking import check_catalogue
from lback.i18n.extraction import extract_messages
from lback.i18n.framework import LANGUAGES, framework_source
from lback.i18n.po_files import parse_source
from tests.i18n.pseudo import SHOWN_ATTRIBUTES

SOURCE = framework_source()
PACKAGE = Path(lback.__file__).parent
TEMPLATES = [
    *sorted((PACKAGE / "templates" / "accounts").rglob("*.*")),
    *sorted((PACKAGE / "templates" / "admin").rglob("*.html")),
    *sorted((PACKAGE / "templates" / "i18n").rglob("*.html")),
    PACKAGE / "core" / "errors" / "templates" / "error.html",
]
# Names of formats and of the product are the same in all languages.
SAME_EVERYWHERE = {"CSV", "JSON"}
WRITE = "run: make messages"


def ids(catalogue: Any) -> set[tuple[str, str]]:
    texts = [(m.context or "", m.id if isinstance(m.id, str) else m.id[0]) for m in catalogue]
    return {one for one in texts if one[1]}


@pytest.fixture(scope="module")
def template() -> Any:
    return extract_messages(SOURCE)


def test_the_template_has_all_messages(template: Any) -> None:
    assert len(template) > 300
    assert ids(parse_source(SOURCE.template)) == ids(template), WRITE


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_language_is_complete(code: str, template: Any) -> None:
    problems = list(check_catalogue(SOURCE, code, template))
    assert problems == [], WRITE


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_compiled_file_is_that_of_the_source(code: str) -> None:
    source = SOURCE.catalogues.source(code)
    compiled, wanted = (
        source.with_suffix(".mo").read_bytes(),
        compile_source(source, source.read_bytes()),
    )
    assert compiled.rpartition(b":")[2] == wanted.rpartition(b":")[2], WRITE


@pytest.mark.parametrize(
    ("break_it", "kind"),
    [
        (lambda text: text.replace('msgstr "Speichern"', 'msgstr ""'), "missing"),
        (lambda text: text.replace('msgid "Save"', '#, fuzzy\nmsgid "Save"'), "fuzzy"),
        (lambda text: text.replace("Verlauf von %(row)s", "Verlauf von %(line)s"), "placeholders"),
        (lambda text: text.replace("nplurals=2", "nplurals=3"), "plural"),
        (lambda text: text.replace('\nmsgid "Save"', '\nmsgid "Other"'), "missing"),
    ],
    ids=["empty", "fuzzy", "placeholder", "plurals", "absent"],
)
def test_a_fault_is_found(break_it: Any, kind: str, tmp_path: Path, template: Any) -> None:
    place = SOURCE.catalogues._replace(path=tmp_path)
    text = SOURCE.catalogues.source("de").read_text(encoding="utf-8")
    assert break_it(text) != text
    path = place.source("de")
    path.parent.mkdir(parents=True)
    path.write_text(break_it(text), encoding="utf-8")
    found = {problem.kind for problem in check_catalogue(SOURCE._replace(catalogues=place), "de")}
    assert kind in found


class Unmarked(HTMLParser):
    """Collects letters in the markup that a template writes as it is."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [v for name, v in attrs if name in SHOWN_ATTRIBUTES and v and _has_word(v)]

    def handle_data(self, data: str) -> None:
        if _has_word(data):
            self.found.append(data.strip())


def _has_word(text: str) -> bool:
    return bool(set(re.findall(r"[A-Za-z]{2,}", text)) - SAME_EVERYWHERE)


# A block whose text is the name of a class.
_CLASS_NAME = re.compile(r"{% block width %}\w+{% endblock %}")


def unmarked_in_template(text: str) -> list[str]:
    environment = Environment(autoescape=True)
    add_translation(environment)
    tree = environment.parse(_CLASS_NAME.sub("", text))
    parser = Unmarked()
    # Expressions become a space, so that only what the template itself writes is read.
    parser.feed("".join(data.data for data in tree.find_all(nodes.TemplateData)))
    return parser.found + list(_unmarked_constants(tree))


def _unmarked_constants(tree: nodes.Node) -> Iterator[str]:
    """Yield texts in expressions that are shown, such as those of a conditional expression."""
    for output in tree.find_all(nodes.Output):
        for node in output.nodes:
            branches: list[nodes.Node] = [node]
            while branches:
                branch = branches.pop()
                if isinstance(branch, nodes.CondExpr):
                    branches += [branch.expr1, *filter(None, [branch.expr2])]
                elif isinstance(branch, nodes.Concat | nodes.Or):
                    branches += list(branch.iter_child_nodes())
                elif isinstance(branch, nodes.Const) and " " in str(branch.value).strip():
                    yield str(branch.value)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_template_has_no_text_that_is_not_marked(path: Path) -> None:
    assert unmarked_in_template(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "<p>Hello</p>",
        "<p>{% trans %}Hello{% endtrans %} there</p>",
        '<button aria-label="Close">x</button>',
        '<input placeholder="Search">',
        '{{ "is verified" if x else "is not verified" }}',
        '{{ x or "Unknown user" }}',
    ],
)
def test_text_that_is_not_marked_is_found(text: str) -> None:
    assert unmarked_in_template(text)


# Functions whose arguments people see, with the positions and names of these arguments.
SHOWN_BY = {
    "flash": (1,),
    "add_error": (1,),
    "Invalid": (0,),
    "ErrorList": (0,),
}
SHOWN_KEYWORDS = {"label", "help_text", "label_plural"}
PARTS = ("accounts", "admin", "auth", "forms", "security", "users")


def unmarked_in_python(text: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        shown = [node.args[n] for n in SHOWN_BY.get(name, ()) if n < len(node.args)]
        shown += [keyword.value for keyword in node.keywords if keyword.arg in SHOWN_KEYWORDS]
        found += [ast.unparse(one) for one in shown if _is_raw(one)]
    return found


def _is_raw(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and _has_word(node.value)
    return isinstance(node, ast.JoinedStr) and any(
        isinstance(part, ast.Constant) and _has_word(str(part.value)) for part in node.values
    )


@pytest.mark.parametrize(
    "path",
    [path for part in PARTS for path in sorted((PACKAGE / part).rglob("*.py"))],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_python_shows_no_text_that_is_not_marked(path: Path) -> None:
    assert unmarked_in_python(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        'flash(request, "Saved.")',
        'form.add_error(None, f"{name} is wrong")',
        'raise Invalid("Too long.")',
        'CharField(label="Name")',
    ],
)
def test_text_in_python_that_is_not_marked_is_found(text: str) -> None:
    assert unmarked_in_python(text)


def test_the_messages_of_fields_are_marked(template: Any) -> None:
    import lback.forms as forms
    from lback.forms import Field

    known = {text for _, text in ids(template)}
    kinds = [kind for kind in vars(forms).values() if isinstance(kind, type)]
    for name in forms.__all__:
        kind = getattr(forms, name)
        if isinstance(kind, type) and issubclass(kind, Field):
            kinds.append(kind)
    messages = {
        str.__str__(text)
        for kind in kinds
        if issubclass(kind, Field)
        for text in kind._all_messages().values()
    }
    assert len(messages) > 30
    assert messages <= known


def test_the_pages_of_errors_are_marked(template: Any) -> None:
    from lback.core import exceptions
    from lback.core.errors.pages import HEADINGS, PHRASES

    known = {text for _, text in ids(template)}
    kinds = [kind for kind in vars(exceptions).values() if isinstance(kind, type)]
    messages = {kind.message for kind in kinds if issubclass(kind, exceptions.HTTPException)}
    assert messages | {*HEADINGS.values(), *PHRASES} <= known
