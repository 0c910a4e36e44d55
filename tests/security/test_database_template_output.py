"""Read secrets from what an object looks like as text, or fill the memory, from a template row."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from jinja2.exceptions import SecurityError, UndefinedError

from lback import Config
from lback.core.templates import TemplateRenderer

Render = Callable[[str], str]


@dataclass
class Writer:
    """An object that names nothing, and whose text shows everything."""

    name: str = "the secret writer"


@dataclass
class Novel:
    """An object whose text shows more than it names."""

    template_attributes = ("title", "writer", "writers", "price")

    title: str = "Emma"
    cost: str = "the secret cost"
    writer: Writer = field(default_factory=Writer)

    @property
    def writers(self) -> list[Writer]:
        return [self.writer]

    @property
    def price(self) -> "Price":
        return Price()


class Price:
    """An object that says how it is written."""

    template_attributes = ("amount",)
    amount = 3

    def __str__(self) -> str:
        return "3 EUR"

    def __repr__(self) -> str:
        return "the secret price"


class Verbose:
    """A library's base class, whose text shows everything."""

    def __str__(self) -> str:
        return "the secret of a library"


class Quiet(Verbose):
    template_attributes = ()


@pytest.fixture
def render() -> Render:
    found: list[str] = []
    config = Config(None, settings={"SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc"})
    renderer = TemplateRenderer(config, db_loader_func=lambda *_: found[0])
    renderer.add_global("writer_of_all", Writer())
    context: dict[str, Any] = {
        "novel": Novel(),
        "novels": [Novel()],
        "data": {"writer": Writer()},
        "quiet": Quiet(),
        "items": [1],
    }

    def render(source: str) -> str:
        found[:] = [source]
        return renderer.render_from_db_to_string("row", **context)

    return render


WRITTEN = [
    "{{ novel }}",
    "{{ novels }}",
    "{{ data }}",
    "{{ quiet }}",
    "{{ [novel.price] }}",
    "{{ [[(1, novel.writer)]] }}",
    "{{ novel ~ '' }}",
    "{{ '' ~ novel.writer ~ 1 }}",
    "{{ novel.writers ~ '' }}",
    "{{ data.writer ~ '' }}",
    "{{ writer_of_all ~ '' }}",
    "{{ [writer_of_all] }}",
    "{{ novel.writer | string }}",
    "{{ novel.writer | upper | lower }}",
    "{{ novel.writer | e }}",
    "{{ novel.writer | forceescape }}",
    "{{ novel.writer | safe }}",
    "{{ novel.writer | trim }}",
    "{{ novel.writer | striptags }}",
    "{{ novel.writer | replace('a', 'a') }}",
    "{{ 'x' | replace('x', novel.writer) }}",
    "{{ novel.writer | urlencode }}",
    "{{ {'a': novel.writer} | urlencode }}",
    "{{ {'a': novel.writer} | xmlattr }}",
    "{{ novels | join }}",
    "{{ novels | join(', ', attribute='writer') }}",
    "{{ ['a', 'b'] | join(novel.writer) }}",
    "{{ novels | map('string') | first }}",
    "{{ novels | map(attribute='writer') | map('upper') | join | lower }}",
    "{{ novels | map(attribute='writer') | list }}",
    "{{ novels | groupby('title') }}",
    "{{ data.values() | list }}",
    "{{ dict(a=novel.writer) }}",
    "{% set ns = namespace(a=novel.writer) %}{{ ns }}",
    "{% set ns = namespace(a=novel.writer) %}{{ ns ~ '' }}",
    "{% set ns = namespace(a=novel.writer) %}{{ ns.a ~ '' }}",
    "{% macro m(x) %}{{ x ~ '' }}{% endmacro %}{{ m(novel.writer) }}",
    "{% set x = novel.writer ~ '' %}{{ x }}",
    "{% if 'secret' in novel.writer ~ '' %}secret{% endif %}",
    "{% for x in novel.writers %}{{ x ~ '' }}{% endfor %}",
    "{% for x in items %}{{ loop ~ '' }}{{ loop }}{% endfor %}",
    "{{ url ~ '' }}",
    "{{ [range, dict, cycler] }}",
    "{{ ''.join ~ '' }}",
    "{{ self ~ '' }}",
    "{% macro m() %}{% endmacro %}{{ m }}",
]


@pytest.mark.parametrize("attack", WRITTEN)
def test_no_object_is_written_as_it_looks_inside(render: Render, attack: str) -> None:
    with pytest.raises((SecurityError, UndefinedError)):
        render(attack)


DOUBLED = "{{% set ns = namespace(a='x' * 1000) %}}{{% for i in range(16) %}}{}{{% endfor %}}"
LARGE = [
    "{{ ('x' * 99999) | replace('x', 'y' * 99999) | length }}",
    "{{ ('x' * 99999).replace('x', 'y' * 99999) | length }}",
    "{{ ('x' * 99999).replace('', 'y' * 99999) | length }}",
    "{{ range(9999) | join('y' * 99999) | length }}",
    "{{ ('y' * 99999).join(['a'] * 9999) | length }}",
    "{{ ['y' * 99999] * 9999 }}",
    "{{ ([[1] * 9999] * 9999) }}",
    "{{ ([[1] * 9999] * 9999) | tojson | length }}",
    "{{ ([[1] * 9999] * 9999) | sum(start=[]) | length }}",
    "{{ ('a ' * 9999) | wordwrap(1, true, 'y' * 9999) | length }}",
    "{{ ('a\n' * 9999) | indent('y' * 9999) | length }}",
    "{{ {'a': 1} | tojson(indent=99999999) | length }}",
    "{{ 1 | round(99999999, 'floor') }}",
    "{% set ns = namespace(n=9) %}{% for i in range(24) %}{% set ns.n = ns.n * ns.n %}{% endfor %}",
    DOUBLED.format("{% set ns.a = ns.a ~ ns.a %}"),
    DOUBLED.format("{% set ns.a = ns.a + ns.a %}"),
    DOUBLED.format("{% set ns.a = [ns.a, ns.a] | join %}"),
    DOUBLED.format("{% set ns.a %}{{ ns.a }}{{ ns.a }}{% endset %}"),
    "{% set ns = namespace(a=[1] * 1000) %}"
    "{% for i in range(16) %}{% set ns.a = ns.a + ns.a %}{% endfor %}",
    "{% macro m(n) %}{{ n }}{{ n }}{% endmacro %}" + DOUBLED.format("{% set ns.a = m(ns.a) %}"),
    "{% for i in range(999) %}{{ 'x' * 99999 }}{% endfor %}",
]


@pytest.mark.parametrize("attack", LARGE)
def test_a_little_does_not_make_a_lot(render: Render, attack: str) -> None:
    with pytest.raises((SecurityError, OverflowError)):
        render(attack)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ novel.title ~ ' ' ~ novel.price ~ 1.5 }}", "Emma 3 EUR1.5"),
        ("{{ novel.price }} {{ novel.price | string | lower }}", "3 EUR 3 eur"),
        ("{{ novels | join(', ', attribute='title') }}", "Emma"),
        ("{{ novels | join(', ', attribute='price') }}", "3 EUR"),
        ("{{ ['<', 1, none] | join('&') }}", "&lt;&amp;1&amp;None"),
        ("{{ '<' ~ '>' }}{{ '>' | safe }}", "&lt;&gt;>"),
        ("{{ [1, 'two', (3, none), {'four': true}] }}".replace("'", '"'),
         "[1, &#39;two&#39;, (3, None), {&#39;four&#39;: True}]"),
        ("{{ {'a': [1]} | tojson }}", '{"a": [1]}'),
        ("{{ 'a-a' | replace('a', 'b') }} {{ 'a-a'.replace('-', '') }}", "b-b aa"),
        ("{{ ', '.join(['a', 'b']) }} {{ [1, 2] + [3] }} {{ 1 + 2 }}", "a, b [1, 2, 3] 3"),
        ("{{ [1, 2] | sum }} {{ 2.567 | round(1) }} {{ missing ~ 'x' }}", "3 2.6 x"),
        ("{{ novels | map(attribute='title') | map('upper') | list | first }}", "EMMA"),
        ("{{ items | list | string }} {{ 3 * 4 }} {{ 99 ** 9 * 99 }}", f"[1] 12 {99**10}"),
    ],
)  # fmt: skip
def test_what_is_harmless_is_written(render: Render, source: str, text: str) -> None:
    assert render(source) == text


def test_the_error_says_what_to_write(render: Render) -> None:
    with pytest.raises(SecurityError, match=r"a Novel as text: .*__str__"):
        render("{{ novel }}")
