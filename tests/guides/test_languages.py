"""docs/guides/languages.md in a real project."""

from tests.guides.conftest import Project


def test_a_visitor_reads_and_chooses_a_language(project: Project) -> None:
    project.apply("languages")
    with project.serving() as visitor:
        english = visitor.get("/greeting")
        assert (english.headers["content-language"], english.status) == ("en", 200)
        assert "Hello Ada" in english.text
        assert "<b>3 books</b>" in english.text
        german = visitor.get("/greeting", Accept_Language="de-AT,en;q=0.5")
        assert '<html lang="de" dir="ltr">' in german.text
        assert "Sie haben <b>3 Bücher</b>." in german.text
        assert "Accept-Language" in german.headers["vary"]
        chosen = visitor.submit(
            "/greeting", {"language": "de", "next": "/greeting?a=1"}, to="/language/"
        )
        assert (chosen.status, chosen.headers["location"]) == (303, "/greeting?a=1")
        assert "Hallo Ada" in visitor.get("/greeting").text
        script = visitor.get("/language/messages/de.js")
        assert script.headers["content-type"].startswith("text/javascript")
