"""A new project with the ready pages included as the guides say, over HTTP."""

import json
import re
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.cli.conftest import Run
from tests.cli.serving import Running, running

PASSWORD = "correct horse battery staple"
URLS = """

from lback import include, path


def missing(request, error):
    return {{"missing": request.path}}


def wanted(request, token_manager, account_tokens, api_key_manager, session_manager):
    return [type(service).__name__ for service in (token_manager, account_tokens)]


urlpatterns += [
    path("/wanted", wanted, requires_auth=False),
    include("lback.accounts.urls", "/accounts/"),
    include("lback.accounts.tokens", "/tokens/"),
    {admin}
]
exception_handlers = {{404: missing}}
"""
REGISTER = f"""
with app.db_manager.session() as session:
    app.user_manager.register(session, "ada", {PASSWORD!r}, "ada@example.org")
"""


@pytest.mark.parametrize("options", [(), ("--minimal",)], ids=["full", "minimal"])
@pytest.mark.parametrize("debug", ["true", "false"])
def test_accounts_tokens_and_admin_answer_in_a_new_project(
    options: tuple[str, ...], debug: str, lback: Run, tmp_path: Path
) -> None:
    assert lback("new", "project", "shop", *options).returncode == 0
    shop = tmp_path / "shop"
    # The full variant has the admin already.
    admin = 'include("lback.admin.urls", "/admin/"),' if options else ""
    with (shop / "urls.py").open("a") as urls:
        urls.write(URLS.format(admin=admin))
    with (shop / ".env").open("a") as env:
        env.write(f"\nJWT_AUDIENCE=https://api.example.com\nDEBUG={debug}\n")
        env.write("ALLOWED_HOSTS=localhost\n")
    for command in (["makemigrations"], ["migrate"], ["shell", "-c", REGISTER]):
        done = lback(*command, cwd=shop)
        assert done.returncode == 0, done.stderr

    with running("runserver", "--port", "0", cwd=shop) as program:
        assert "Sign in" in program.get("/accounts/sign-in")[1]
        assert "Sign in" in program.get("/admin/sign-in")[1]
        assert program.get("/admin/")[0] == 302
        assert program.get("/wanted") == (200, '["TokenManager","AccountTokens"]')
        status, page = program.get("/no/such/page")
        assert (status, json.loads(page)) == (404, {"missing": "/no/such/page"})
        pair = tokens_for(program, "ada", PASSWORD)
        assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", pair["access_token"])


def tokens_for(program: Running, username: str, password: str) -> dict[str, str]:
    connection = HTTPConnection("127.0.0.1", program.port, timeout=20)
    body = urlencode({"username": username, "password": password})
    fields = {"Host": "localhost", "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/tokens/", body, fields)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    assert response.status == 200, text
    answer: dict[str, str] = json.loads(text)
    return answer
