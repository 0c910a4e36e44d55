"""Run code, or read secrets, from a row of the table of templates."""

import json
from collections import namedtuple
from collections.abc import Callable
from decimal import Decimal

import pytest
from jinja2.exceptions import SecurityError, UndefinedError

from lback import Application, Request
from lback.core.templates import TemplateRenderer
from lback.forms import CharField, Form
from lback.sessions import flash
from lback.testing import Client

SECRET = "kT4-q9ZpW2_xR7mL8vNc"
Point = namedtuple("Point", "x y")


class SearchForm(Form):
    query = CharField()


class Book:
    """An object that names what templates may read."""

    template_attributes = ("title", "upper_title", "author", "_margin")

    def __init__(self) -> None:
        self.title = "Emma"
        self.cost = "the secret price"
        self._margin = "the secret margin"
        self.author = Author()

    def upper_title(self) -> str:
        return self.title.upper()

    def delete(self) -> str:
        return "deleted"


class Author:
    """An object that names nothing."""

    name = "the secret author"


class SecretText(str):
    """Text with more than text."""

    hidden = "the secret of a text"


Render = Callable[[str], str]


@pytest.fixture
def render() -> Render:
    """Render a row, as a view does, with all that a view may have at hand."""

    def render(source: str) -> str:
        app = Application(
            DEBUG=True, SECRET_KEY=SECRET, ALLOWED_HOSTS=["localhost"], DATABASE_URL="sqlite://"
        )
        found: list[str | Exception] = []

        def view(request: Request) -> str:
            renderer = TemplateRenderer(
                app.config, db_loader_func=lambda name, session: source, router=app.router
            )
            renderer._request_values = app.template_renderer._request_values
            renderer.add_global("flashed", app.template_renderer.environment.globals["flashed"])
            flash(request, "saved")
            context = {
                "request": request,
                "config": request.config,
                "session": request.session,
                "db_session": request.db_session,
                "form": SearchForm(),
                "app": app,
                "book": Book(),
                "books": [Book()],
                "secret_text": SecretText("text"),
                "function": view,
                "module": json,
                "items": [1],
                "data": {"a": {"b": [1, "two"]}, "update": "mine"},
                "point": Point(1, 2),
                "price": Decimal("1.50"),
            }
            try:
                found.append(renderer.render_from_db_to_string("row", **context))
            except Exception as error:  # noqa: BLE001  raised again outside of the request
                found.append(error)
            return "done"

        app.add_route("/page", view, name="page", requires_auth=False)
        assert Client(app).get("/page?a=1&a=2").text == "done"
        if isinstance(found[0], Exception):
            raise found[0]
        return found[0]

    return render


ATTACKS = [
    # The request and what hangs on it.
    "{{ request.template_renderer.environment.from_string('{{ 7 * 7 }}').render() }}",
    "{{ request.config.SECRET_KEY }}",
    "{{ request['config'] }}",
    "{{ request.environ }}",
    "{{ request.META }}",
    "{{ request.app }}",
    "{{ request.session }}",
    "{{ request.db_session }}",
    "{{ request.get_context('config') }}",
    "{{ request._request.config.SECRET_KEY }}",
    "{{ request | attr('_request') }}",
    "{{ [request] | map(attribute='_request') | list }}",
    "{{ [request] | map(attribute='config.SECRET_KEY') | list }}",
    "{{ [request] | sort(attribute='config.SECRET_KEY') }}",
    "{{ [request] | groupby('config') }}",
    "{{ [request] | selectattr('config') | list }}",
    "{{ [request] | sum(attribute='config') }}",
    "{{ [request] | unique(attribute='config') | list }}",
    "{{ request.user.password_hash }}",
    # Services, forms and sessions.
    "{{ config.SECRET_KEY }}",
    "{{ config }}",
    "{{ config ~ '' }}",
    "{{ config | string }}",
    "{{ config | pprint }}",
    "{{ '%s' | format(config) }}",
    "{{ '%s' % config }}",
    "{{ '%s' % form }}",
    "{% for name in session %}{{ name }}{% endfor %}",
    "{{ session['_csrf'] }}",
    "{{ session.get('_csrf') }}",
    "{{ session | list }}",
    "{{ db_session.execute('select 1') }}",
    "{{ form.fields }}",
    "{{ form }}",
    "{% for field in form %}{{ field }}{% endfor %}",
    "{{ app.config }}",
    "{{ function() }}",
    "{{ function.__globals__ }}",
    "{{ module.dumps(1) }}",
    "{{ module }}",
    # Objects of a project.
    "{{ book.cost }}",
    "{{ book._margin }}",
    "{{ book['cost'] }}",
    "{{ book.delete() }}",
    "{{ book.author.name }}",
    "{{ book.author }}",
    "{{ books[0].cost }}",
    "{{ books | map(attribute='cost') | list }}",
    "{{ books | map(attribute='author.name') | join }}",
    "{{ books | pprint }}",
    "{{ book.__dict__ }}",
    "{{ book | attr('cost') }}",
    "{{ secret_text.hidden }}",
    "{{ secret_text['hidden'] }}",
    # The classic ways out of a sandbox.
    "{{ ''.__class__.__mro__ }}",
    "{{ ''['__class__'] }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ lipsum.__globals__ }}",
    "{{ url.__globals__ }}",
    "{{ url['__globals__'] }}",
    "{{ self._TemplateReference__context }}",
    "{{ self.__init__.__globals__ }}",
    "{{ ().__class__.__base__.__subclasses__() }}",
    "{{ 'a' | attr('__class__') }}",
    "{{ ['a'] | map('attr', '__class__') | list }}",
    "{{ '{0.__class__}'.format('a') }}",
    "{{ '{0.__class__}'.format_map({}) }}",
    "{{ 'abc'.format }}",
    "{{ 'abc'.encode() }}",
    "{{ {}.update }}",
    "{{ items.append(1) }}",
    "{{ items.sort() }}",
    "{{ items.__init__ }}",
    "{{ data.clear() }}",
    "{{ data.update({'a': 1}) }}",
    "{{ data.setdefault('c', 1) }}",
    "{{ data.pop('a') }}",
    "{{ point._replace(x=9) }}",
    "{{ point._asdict }}",
    "{{ price.__class__ }}",
    "{{ loop }}",
    "{% for i in items %}{{ loop.__init__.__globals__ }}{% endfor %}",
    "{% for i in items %}{{ loop._iterable }}{% endfor %}",
    "{% macro m() %}{% endmacro %}{{ m.__init__ }}{{ m._func }}",
    "{% set ns = namespace(a=1) %}{{ ns.__init__ }}{{ ns._Namespace__attrs }}",
    "{% set ns = namespace(a=1) %}{{ ns['__init__'] }}",
    "{{ (undefined_name).__init__ }}",
    "{{ undefined_name.x.y }}",
    "{% import 'accounts/field.html' as f %}{{ f.__init__ }}",
    "{% import 'accounts/field.html' as f %}{{ f._body_stream }}",
    "{{ dict.mro() }}",
    "{{ range.__class__ }}",
    "{{ dict.__subclasses__() }}",
    "{% set x = dict %}{{ x }}",
    "{{ ''.join }}",
    "{{ caller }}{{ varargs.__class__ }}",
    "{{ [].__add__ }}",
    "{% include ['../../../../etc/passwd', '/etc/passwd'] %}",
    "{% include '../settings.py' %}",
    "{% extends '/etc/passwd' %}",
    # A little that makes a lot.
    "{{ 'x' * 10000000 }}",
    "{{ 10000000 * 'x' }}",
    "{{ [1] * 10000000 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ 2 ** 100000 }}",
    "{{ 10 ** 64 ** 2 }}",
    "{{ range(10000000) | list }}",
    "{{ 'x' | center(10000000) }}",
    "{{ 'x'.center(10000000) }}",
    "{{ 'x'.ljust(10000000) }}",
    "{{ 'x'.zfill(10000000) }}",
    "{{ 'x'.expandtabs(10000000) }}",
    "{{ '%10000000d' % 1 }}",
    "{{ '%10000000d' | format(1) }}",
    "{{ '{:10000000}'.format(1) }}",
    "{{ lipsum(100000) }}",
    "{{ _('%(x)10000000s', x=1) }}",
    "{{ ngettext('%(num)10000000d', '%(num)10000000d', 1) }}",
    "{% set x = 'x' * 900000 %}{{ _('%(x)s' * 12, x=x) }}",
    "{% set x = 'x' * 6000000 %}{% trans x=x %}{{ x }}{{ x }}{% endtrans %}",
    "{{ _.__globals__ }}",
    "{{ items | batch(10000000, 1) | list }}",
    "{{ items | slice(10000000) | list }}",
    "{{ 'x' | indent(10000000, first=true) }}",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_gets_nothing(render: Render, attack: str) -> None:
    try:
        text = render(attack)
    except (SecurityError, UndefinedError, KeyError, OverflowError) as error:
        text = str(error)
    except Exception as error:  # noqa: BLE001  what it says is checked, not its kind
        text = f"{type(error).__name__}: {error}"
    assert SECRET not in text
    assert len(text) < 20_000
    for trace in ("secret", "deleted", "root:x:", "wsgi.", "object at", "<function", "<class",
                  "built-in", "<module", "csrf_token", "49"):  # fmt: skip
        assert trace not in text.replace("secret_text", ""), text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ request.path }} {{ request.method }} {{ request.query.a }}", "/page GET 2"),
        ("{{ request.user }}{{ request.user is none }}", "NoneTrue"),
        ("{{ request.is_secure }}", "False"),
        ("{{ book.title }} {{ book['title'] }} {{ book.upper_title() }}", "Emma Emma EMMA"),
        ("{{ books | map(attribute='title') | join(', ') }}", "Emma"),
        ("{% for b in books %}{{ loop.index }} {{ b.title }}{% endfor %}", "1 Emma"),
        ("{{ data.a.b[1] }} {{ data['a']['b'][0] }} {{ data.update }}", "two 1 mine"),
        ("{% for key, value in data.items() %}{{ key }} {% endfor %}", "a update "),
        ("{{ point.x }} {{ point[1] }}", "1 2"),
        ("{{ price * 2 }} {{ 7 % 4 }} {{ 2 ** 8 }} {{ 'ab' * 3 }}", "3.00 3 256 ababab"),
        ("{{ 'emma' | capitalize }} {{ 'Emma'.lower() }} {{ '<b>' }}", "Emma emma &lt;b&gt;"),
        ("{{ url('page') }} {{ url_for('page') }}", "/page /page"),
        ("{% for m in flashed(request) %}{{ m.text }} {{ m.level }}{% endfor %}", "saved info"),
        ("{% macro hi(name) %}Hi {{ name }}{% endmacro %}{{ hi('Ada') }}", "Hi Ada"),
        ("{% set ns = namespace(n=0) %}{% set ns.n = 2 %}{{ ns.n }}", "2"),
        ("{% for i in [1, 2] %}{{ loop.cycle('a', 'b') }}{% endfor %}", "ab"),
        ("{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.current }}", "ab"),
        ("{% set j = joiner('|') %}{{ j() }}a{{ j() }}b", "a|b"),
        ("{{ range(3) | list }} {{ dict(a=1) }}", "[0, 1, 2] {&#39;a&#39;: 1}"),
        ("{{ missing }}{{ missing | default('none') }}", "none"),
        ("{% block a %}x{% endblock %}{{ self.a() }}", "xx"),
        ("{{ [{'n': 2}, {'n': 1}] | sort(attribute='n') | map(attribute='n') | list }}", "[1, 2]"),
        ("{{ items | batch(2, 0) | list }}", "[[1, 0]]"),
    ],
)
def test_what_a_template_needs_works(render: Render, source: str, text: str) -> None:
    assert render(source) == text


def test_the_fields_of_a_form_are_written_by_the_application(render: Render) -> None:
    assert 'name="csrf_token"' in render("{{ csrf_input }}")
    assert len(render("{{ csrf_token }}")) > 40
    assert len(render("{{ csrf_token() }}")) > 40
    assert len(render("{{ csp_nonce }}")) > 15


def test_the_error_says_how_an_attribute_is_allowed(render: Render) -> None:
    with pytest.raises(SecurityError, match=r"may not read 'cost' of Book: .*template_attributes"):
        render("{{ book.cost }}")
    with pytest.raises(SecurityError, match="'form' is a SearchForm, which templates from the"):
        render("{{ form }}")


def test_a_page_that_a_row_extends_is_kept_in_the_sandbox_as_well(render: Render) -> None:
    with pytest.raises(SecurityError):
        render("{% extends 'accounts/base.html' %}{% block content %}{{ config }}{% endblock %}")
