"""Keep a worker busy with a template row."""

from collections.abc import Callable

import pytest
from jinja2.exceptions import SecurityError

from lback import Config
from lback.core.templates import TemplateRenderer, writing

Render = Callable[..., str]


@pytest.fixture
def render(monkeypatch: pytest.MonkeyPatch) -> Render:
    monkeypatch.setattr(writing, "_MOST_SECONDS", 0.2)
    rows: dict[str, str] = {}
    renderer = TemplateRenderer(Config(), db_loader_func=lambda name, _: rows.get(name))
    renderer.add_global("row", renderer.render_from_db_to_string)

    def render_row(text: str, **others: str) -> str:
        rows.update(others, page=text)
        return renderer.render_from_db_to_string("page")

    return render_row


NESTED = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


@pytest.mark.parametrize(
    "row",
    [
        NESTED,
        "{% for a in range(99999) recursive %}{{ loop(range(99999)) }}{% endfor %}",
        "{% for a in range(99999) %}{% set x = (range(99999) | list | sort) %}{% endfor %}",
        "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}",
        "{% for a in range(99999) if a is divisibleby(2) %}{{ range(99999) | sum }}{% endfor %}",
        "{% set t = 'x' * 99999 %}{{ ([t] * 99999) | map('upper') | list | length }}",
        "{% macro m() %}{{ caller() }}{% endmacro %}"
        "{% for a in range(99999) %}{% call m() %}{{ range(9999) | sum }}{% endcall %}{% endfor %}",
        "{% for a in range(99999) %}{{ loop.length }}{% for b in range(99999) %}{% endfor %}"
        "{% endfor %}",
        "{% block one %}" + NESTED + "{% endblock %}",
        "{{ row('inner') }}",
    ],
)
def test_a_row_that_takes_too_long_is_ended(render: Render, row: str) -> None:
    with pytest.raises((SecurityError, RecursionError)):
        render(row, inner=NESTED)


def test_the_time_of_one_rendering_is_not_taken_from_the_next(render: Render) -> None:
    loop = "{% for a in range(3) %}{{ a }}{% else %}none{% endfor %}"
    for _ in range(3):
        with pytest.raises(SecurityError, match=r"0\.2 seconds of processor time"):
            render(NESTED)
        assert render(loop) == "012"
    assert render("{{ row('inner') }}{{ row('inner') }}", inner=loop) == "012012"


def test_loops_keep_their_variables(render: Render) -> None:
    row = (
        "{% for a in 'xyz' %}{{ loop.index }}/{{ loop.length }}{{ a }}{{ loop.nextitem }}"
        "{{ ',' if not loop.last }}{% endfor %}{% for a in missing %}{% else %}, none{% endfor %}"
    )
    assert render(row) == "1/3xy,2/3yz,3/3z, none"
    pairs = (
        "{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{{ loop.cycle(1, 2) }}{% endfor %}"
    )
    assert render(pairs) == "a11b22"
