"""docs/guides/security.md in a real project."""

import re

from tests.guides.conftest import Project


def test_a_form_is_taken_from_our_pages_alone(project: Project) -> None:
    project.apply("security")
    with project.serving() as visitor:
        assert visitor.submit("/vote", {}).text == "counted"
        assert visitor.post("/vote").status == 403
        assert visitor.post("/paid").text == "received"
        assert visitor.submit("/vote", {"csrf_token": "forged"}).status == 403

        page = visitor.get("/vote").text
        (token,) = re.findall(r'"X-CSRF-Token": "([^"]+)"', page)
        origin = f"http://localhost:{visitor.port}"
        assert visitor.post("/vote", X_CSRF_Token=token, Origin=origin).text == "counted"
        assert (
            visitor.post("/vote", X_CSRF_Token=token, Origin="https://evil.example").status == 403
        )


def test_the_policy_of_the_settings_is_sent(project: Project) -> None:
    project.apply("security")
    with project.serving() as visitor:
        page = visitor.get("/vote")
        policy = page.headers["content-security-policy"]
        assert "img-src 'self' https://images.example" in policy
        (nonce,) = re.findall(r'<script nonce="([^"]+)">', page.text)
        assert f"'nonce-{nonce}'" in policy
        assert page.headers["referrer-policy"] == "no-referrer"
