"""The choice of a language, and the messages for JavaScript."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from lback import Request, render
from lback.core.base_middleware import SimpleMiddleware
from lback.i18n.javascript import script_of
from lback.testing import Client
from tests.i18n.conftest import Build

Make: TypeAlias = Callable[..., Client]


@pytest.fixture
def make(build: Build, project: Path) -> Any:
    (project / "templates" / "page.html").write_text('{% include "i18n/language_form.html" %}')

    def client(**settings: Any) -> Any:
        app = build(MIDDLEWARES=["lback.middleware.BodyParsingMiddleware"], **settings)
        app.include("lback.i18n.urls", "/language")

        @app.route("/page", requires_auth=False)
        def page(request: Request) -> Any:
            return render(request, "page.html")

        return Client(app)

    return client


def choose(client: Client, code: str, page: str, path: str = "/language/") -> Any:
    return client.post(path, data={"language": code, "next": page})


def test_the_form_offers_the_languages_by_their_own_names(make: Make) -> None:
    page = make().get("/page?a=1", headers={"Accept-Language": "de"}).text
    assert '<option value="de" lang="de" dir="ltr" selected>Deutsch</option>' in page
    assert '<option value="ar" lang="ar" dir="rtl">العربية</option>' in page
    assert 'name="next" value="/page?a=1"' in page
    assert 'action="/language/"' in page


def test_the_choice_is_stored_in_a_cookie_and_the_page_stays(make: Make) -> None:
    client = make()
    response = choose(client, "ar", "/page?a=1")
    assert (response.status_code, response.headers["location"]) == (303, "/page?a=1")
    assert response.headers["set-cookie"].startswith("language=ar; ")
    assert "selected>العربية" in client.get("/page").text


@pytest.mark.parametrize("page", ["//evil.example/", "https://evil.example/", "/\\evil", "", "x"])
def test_another_host_is_never_the_next_page(make: Make, page: str) -> None:
    assert choose(make(), "de", page).headers["location"] == "/"


def test_an_unknown_language_is_refused(make: Make) -> None:
    assert choose(make(), "xx", "/page").status_code == 400
    assert make().get("/language/").status_code == 405


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("/de/page?a=1", "/ar/page?a=1"),
        ("/de", "/ar"),
        ("/de?a=1", "/ar?a=1"),
        ("/page", "/page"),
        ("/dessert/", "/dessert/"),
    ],
)
def test_the_prefix_of_the_page_becomes_that_of_the_choice(
    make: Make, page: str, expected: str
) -> None:
    client = make(LANGUAGE_PREFIX=True)
    assert choose(client, "ar", page, "/de/language/").headers["location"] == expected


def test_the_choice_of_a_user_is_stored_with_the_user(build: Build) -> None:
    user = type("User", (), {"language": "en"})()

    class SignIn(SimpleMiddleware):
        def process_request(self, request: Request) -> None:
            request.user = user

    app = build(
        MIDDLEWARES=["lback.middleware.BodyParsingMiddleware"], LANGUAGE_USER_ATTRIBUTE="language"
    )
    app.include("lback.i18n.urls", "/language")
    app.add_middleware(SignIn())
    choose(Client(app), "de", "/")
    assert user.language == "de"


# JavaScript.


def data_of(script: str) -> Any:
    found = re.search(r"catalogue = (.*);\n", script)
    assert found is not None
    return json.loads(found[1])


def test_the_script_has_the_messages_that_javascript_uses(make: Make) -> None:
    response = make().get("/language/messages/de.js")
    assert response.headers["content-type"].startswith("text/javascript")
    assert response.headers["content-language"] == "de"
    assert data_of(response.text) == {
        "language": "de",
        "messages": {
            "%(num)s book": ["%(num)s Buch", "%(num)s Bücher"],
            "Hello %(name)s": "Hallo %(name)s",
        },
    }


def test_an_unchanged_script_is_not_sent_again(make: Make, project: Path) -> None:
    client = make()
    etag = client.get("/language/messages/de.js").headers["etag"]
    headers = {"If-None-Match": etag}
    assert client.get("/language/messages/de.js", headers=headers).status_code == 304
    path = project / "locale" / "de" / "LC_MESSAGES" / "messages.po"
    path.write_text(path.read_text().replace("Hallo", "Servus"), encoding="utf-8")
    assert client.get("/language/messages/de.js", headers=headers).status_code == 200


def test_a_language_without_catalogue_has_an_empty_script(make: Make) -> None:
    assert data_of(make().get("/language/messages/en.js").text)["messages"] == {}
    assert make().get("/language/messages/fr.js").status_code == 404


def test_text_cannot_leave_the_script(project: Path) -> None:
    path = project / "evil.po"
    path.write_text(
        'msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=alert(1);\\n"\n\n'
        '#: a.js:1\nmsgid "x"\nmsgstr "</script><script>"\n'
    )
    script = script_of([path], "de")
    assert "</script>" not in script
    assert "alert" not in script
