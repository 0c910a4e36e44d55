"""Messages of templates that are compiled to direct calls."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jinja2 import Environment, pass_context

from lback.core.templates.message_code import compile_directly
from lback.core.templates.messages import add_translation
from lback.translation import CURRENT, Translations, gettext

GERMAN = {
    "Save & go": "Sichern & los",
    "Hello %(name)s": "Hallo %(name)s",
    "<b>Now</b>": "<b>Jetzt</b>",
    "5%%": "5 %%",
}
Render = Callable[..., str]


@pytest.fixture(params=[False, True], ids=["calls", "direct"])
def render(request: pytest.FixtureRequest) -> Render:
    def make(source: str, autoescape: bool = True, **values: Any) -> str:
        environment = Environment(autoescape=autoescape)
        add_translation(environment)
        if request.param:
            compile_directly(environment, gettext)
        return environment.from_string(source).render(**values)

    return make


@pytest.fixture
def german() -> Iterator[None]:
    token = CURRENT.set(Translations("de", GERMAN))
    try:
        yield
    finally:
        CURRENT.reset(token)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ _('Save & go') }}", "Sichern &amp; los"),
        ("{{ gettext('Save & go') }}", "Sichern &amp; los"),
        ("{{ _('Save & go') | upper }}", "SICHERN &amp; LOS"),
        ("{{ _('Save & go') ~ '<' }}", "Sichern &amp; los&lt;"),
        ("{{ _('Hello %(name)s', name='<i>') }}", "Hallo &lt;i&gt;"),
        ("{{ _('Hello %(name)s', name=_('Save & go')) }}", "Hallo Sichern &amp; los"),
        ("{% trans %}<b>Now</b>{% endtrans %}", "<b>Jetzt</b>"),
        ("{% trans %}5%{% endtrans %}", "5 %"),
        ("{% trans name='<i>' %}Hello {{ name }}{% endtrans %}", "Hallo &lt;i&gt;"),
        ("{% for n in [1, 2] %}{{ _('Save & go') }},{% endfor %}", "Sichern &amp; los," * 2),
        ("{% macro m() %}{{ _('Save & go') }}{% endmacro %}{{ m() }}", "Sichern &amp; los"),
        ("{% set t = _('Save & go') %}{{ t }}", "Sichern &amp; los"),
        ("{% autoescape false %}{{ _('Save & go') }}{% endautoescape %}", "Sichern & los"),
        ("{{ _('Unknown <') }}", "Unknown &lt;"),
    ],
)
@pytest.mark.usefixtures("german")
def test_messages_are_translated_and_escaped(render: Render, source: str, expected: str) -> None:
    assert render(source) == expected
    assert render(source) == expected


@pytest.mark.usefixtures("german")
def test_text_files_are_not_escaped(render: Render) -> None:
    source = "{{ _('Save & go') }} {% trans %}<b>Now</b>{% endtrans %}"
    assert render(source, autoescape=False) == "Sichern & los <b>Jetzt</b>"


def test_each_language_has_its_own_text(render: Render) -> None:
    source = "{{ _('Save & go') }} {% trans %}<b>Now</b>{% endtrans %}"
    assert render(source) == "Save &amp; go <b>Now</b>"
    for text in ("A & b", "C & d"):
        token = CURRENT.set(Translations("x", {"Save & go": text}))
        assert render(source) == f"{text.replace('&', '&amp;')} <b>Now</b>"
        CURRENT.reset(token)


@pytest.mark.parametrize(
    "source",
    ["{{ _('Save') }}", "{{ _('Save', x=1) }}", "{% for n in [1] %}{{ _('Save') }}{% endfor %}"],
)
def test_a_project_may_define_the_function_itself(render: Render, source: str) -> None:
    assert render(source, _=lambda text, **_: f"<{text}>") == "&lt;Save&gt;"

    @pass_context
    def shown(context: Any, text: str, **_: object) -> str:
        return f"{text} {context['who']}"

    assert render(source, _=shown, who="Ada") == "Save Ada"


def test_values_that_are_no_constants(render: Render) -> None:
    assert render("{{ _(name) }}", name="<b>") == "&lt;b&gt;"
    assert render("{{ _(*names) }}", names=["<b>"]) == "&lt;b&gt;"
    assert render("{{ _('%(class)s', class=1) }}") == "1"
