"""Templates of emails in every language, for the developer at this machine and for no one else."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lback import Application
from lback.testing import Client

PAGE = "/accounts/mailbox/templates"

Build = Callable[..., Application]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    apps: list[Application] = []

    def build(**settings: Any) -> Application:
        options = {
            "DEBUG": True, "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc", "DATABASE_URL": "sqlite://",
            "TEMPLATE_DIRS": [str(tmp_path)], "LANGUAGES": ["en", "de", "ar"], **settings,
        }  # fmt: skip
        app = Application(**options)
        app.db_manager.create_tables()
        app.include("lback.accounts.urls", "/accounts/")
        apps.append(app)
        return app

    (tmp_path / "shop" / "mail").mkdir(parents=True)
    (tmp_path / "shop" / "mail" / "order.txt").write_text(
        "Order {{ order.number }} of {{ names['first'] }}\n"
        "{% for line in order.lines %}never{% endfor %}{% if order.paid %}paid{% endif %}"
    )
    (tmp_path / "shop" / "mail" / "order.html").write_text("<b>{{ order.number }}</b><script>")
    (tmp_path / "shop" / "mail" / "broken.txt").write_text("{{ 1 / 0 }}")
    (tmp_path / "shop" / "mail" / "_part.txt").write_text("a part of others")
    (tmp_path / "shop" / "page.html").write_text("a page")
    yield build
    for app in apps:
        app.db_manager.dispose()


def test_each_template_is_shown_in_each_language(build: Build) -> None:
    client = Client(build())
    assert f'href="{PAGE}"' in client.get("/accounts/mailbox").text
    page = client.get(PAGE).text
    assert page.count("<code>accounts/mail/reset_password.txt</code>") == 1
    assert "Reset your password at {host}" in page
    assert '<pre class="letter" lang="de" dir="ltr"' in page
    assert "Passwort" in page
    assert '<pre class="letter" lang="ar" dir="rtl"' in page
    assert page.count("We received a request to reset the password of {username} at {host}.") == 1
    assert page.count('<summary lang="de">de</summary>') == page.count("<h2>")


def test_values_are_names_in_braces_and_markup_is_text(build: Build) -> None:
    page = Client(build()).get(PAGE).text
    assert "Order {order.number} of {names.first}\n</pre>" in page
    assert 'srcdoc="&lt;b&gt;{order.number}&lt;/b&gt;&lt;script&gt;"' in page
    assert "<iframe sandbox " in page
    assert "a part of others" not in page
    assert "shop/page.html" not in page


def test_a_template_that_fails_says_why_and_the_others_are_shown(build: Build) -> None:
    page = Client(build(LANGUAGES=[])).get(PAGE).text
    problem = "This template cannot be shown with example values: ZeroDivisionError: division by"
    assert page.count(problem) == 1
    assert "Create your account at {host}" in page


@pytest.mark.parametrize(
    ("settings", "environ"),
    [
        ({"DEBUG": False, "ALLOWED_HOSTS": ["localhost"]}, {}),
        ({"MAIL_BACKEND": "console"}, {}),
        ({"ALLOWED_HOSTS": ["localhost"]}, {"REMOTE_ADDR": "192.168.1.7"}),
        (
            {"ALLOWED_HOSTS": ["localhost"]},
            {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.9"},
        ),
    ],
)
def test_they_are_shown_where_the_mailbox_is(
    build: Build, settings: dict[str, Any], environ: dict[str, str]
) -> None:
    client = Client(build(**settings), environ=environ)
    for path in (PAGE, "/accounts/mailbox"):
        answer = client.get(path, headers={"Host": "localhost"})
        assert answer.status_code == 404
        assert "{host}" not in answer.text
