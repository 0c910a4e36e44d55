"""docs/guides/middlewares.md in a real project."""

from tests.guides.conftest import Project


def test_middlewares_that_settings_name_are_met_by_every_request(project: Project) -> None:
    project.apply("middlewares")
    with project.serving() as visitor:
        for path in ("/", "/no-such-page", "/search"):
            assert visitor.get(path).headers["x-greeting"] == "good day", path
        answers = [visitor.get("/search") for _ in range(8)]
        assert answers[0].json() == {"found": "nothing", "greeting": "good day"}
        assert answers[-1].status == 429  # of 5 a minute, wherever a minute begins
        assert visitor.get("/").status == 200
        page = visitor.get("/no-such-page", Accept_Encoding="gzip", Sec_Fetch_Site="same-origin")
        assert page.headers["content-encoding"] == "gzip"
        assert b"Route Not Found" not in page.content
