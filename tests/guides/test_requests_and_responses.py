"""docs/guides/requests-and-responses.md in a real project."""

from tests.guides.conftest import Project

UPLOAD = b"\r\n".join(
    [
        b"--x",
        b'Content-Disposition: form-data; name="title"',
        b"",
        b"Trip",
        b"--x",
        b'Content-Disposition: form-data; name="photo"; filename="../a.png"',
        b"",
        b"12345",
        b"--x--",
        b"",
    ]
)


def test_what_a_request_brings_and_what_a_response_sends(project: Project) -> None:
    project.apply("requests-and-responses")
    (project.folder / "report.txt").write_text("0123456789")
    with project.serving() as visitor:
        found = visitor.get("/search?q=tea&tag=a&tag=b", Accept_Language="en").json()
        assert found == {"words": "tea", "tags": ["a", "b"], "language": "en", "theme": "light"}
        sent = visitor.send(
            "POST", "/upload", UPLOAD, Content_Type="multipart/form-data; boundary=x"
        )
        assert sent.json() == {"title": "Trip", "name": "a.png", "size": 5}
        assert "HttpOnly; SameSite=Lax" in visitor.get("/theme/dark").headers["set-cookie"]
        assert visitor.get("/search").json()["theme"] == "dark"
        assert visitor.get("/numbers.csv").text == "0\n1\n2\n"
        part = visitor.get("/report", Range="bytes=2-4")
        assert (part.status, part.text) == (206, "234")
        assert "M%C3%A4rz" in part.headers["content-disposition"]
