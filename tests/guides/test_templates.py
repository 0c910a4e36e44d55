"""docs/guides/templates.md in a real project."""

import re

from tests.guides.conftest import Project

PAGES = """
from shop.models import Page
db_session.add(Page(name="hello", content="<p>Hello {{ visitor }}, {{ '<b>' }}</p>"))
db_session.add(Page(name="evil", content="{{ visitor.__class__.__mro__ }}"))
db_session.commit()
"""


def test_pages_with_links_forms_messages_and_filters(project: Project) -> None:
    project.new_app("shop", "--minimal")
    project.apply("templates")
    with project.serving() as visitor:
        page = visitor.get("/shop/").text
        assert "<title>Shop</title>" in page
        assert re.search(r'<link rel="stylesheet" href="/static/style(\.\w+)?\.css">', page)
        assert '<a href="/shop/1">Bread &amp; butter</a> 4.50 €' in page
        assert "<h1>BREAD &amp; BUTTER</h1>" in visitor.get("/shop/1").text
        assert visitor.submit("/shop/", {}, to="/shop/1/buy").status == 303
        message = '<p class="success">Bread &amp; butter is yours.</p>'
        assert message in visitor.get("/shop/").text
        assert message not in visitor.get("/shop/").text


def test_names_for_every_template(project: Project) -> None:
    project.new_app("shop", "--minimal")
    project.apply("templates")
    project.paste(
        "templates/shop/product.html",
        "{{ shop_name }} {{ language }} {{ nothing }} {{ url_for('product', number=1) }}",
    )
    with project.serving() as visitor:
        assert visitor.get("/shop/1", Accept_Language="de").text == "Corner de  /shop/1"


def test_a_mistake_in_a_template_is_a_500_with_its_line_in_the_log(project: Project) -> None:
    project.new_app("shop", "--minimal")
    project.apply("templates")
    project.paste("templates/shop/product.html", "one\n{{ nothing.at_all }}")
    with project.serving(expect_errors=True) as visitor:
        answer = visitor.get("/shop/1")
        assert answer.status == 500
        assert "at_all" not in answer.text
        assert 'templates/shop/product.html", line 2' in visitor.log.read_text()


def test_pages_in_the_database(project: Project) -> None:
    project.new_app("shop", "--minimal")
    project.apply("templates")
    project.migrate()
    project.lback("shell", "-c", PAGES)
    with project.serving(expect_errors=True) as visitor:
        assert visitor.get("/shop/pages/hello").text == "<p>Hello Ada, &lt;b&gt;</p>"
        assert visitor.get("/shop/pages/none").status == 404
        refused = visitor.get("/shop/pages/evil")
        assert refused.status == 500
        assert "mro" not in refused.text
