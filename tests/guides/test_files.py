"""docs/guides/files.md in a real project."""

import re

from tests.guides.conftest import TOKEN, Answer, Project, Visitor

BOUNDARY = "lback-test-boundary"
START = f"--{BOUNDARY}\r\nContent-Disposition: form-data"


def multipart(name: str, content: bytes, place: str = "file", **fields: str) -> tuple[bytes, str]:
    parts = [
        f'{START}; name="{field}"\r\n\r\n{value}\r\n'.encode() for field, value in fields.items()
    ]
    head = f'{START}; name="{place}"; filename="{name}"\r\n\r\n'
    body = b"".join([*parts, head.encode(), content, f"\r\n--{BOUNDARY}--\r\n".encode()])
    return body, f"multipart/form-data; boundary={BOUNDARY}"


def upload(visitor: Visitor, page: str, name: str, content: bytes, field: str = "file") -> Answer:
    """Open the page of a form, and send a file with its token."""
    found = TOKEN.search(visitor.get(page).text)
    assert found
    body, kind = multipart(name, content, field, csrf_token=found[1])
    origin = f"http://localhost:{visitor.port}"
    return visitor.send("POST", page, body, Content_Type=kind, Origin=origin)


def test_an_upload_is_stored_and_read(project: Project) -> None:
    project.apply("files")
    project.migrate()
    with project.serving() as visitor:
        assert upload(visitor, "/files", "../notes.txt", b"hello").status == 303
        (name,) = re.findall(r"<li>(\S+) \(5 bytes\)", visitor.get("/files").text)
        assert (project.folder / "media" / name).read_bytes() == b"hello"
        assert name.endswith("/notes.txt")
        assert visitor.get(f"/files/{name}").text == "hello"
        assert visitor.get("/files/..%2Fsettings.py").status == 400
        assert visitor.get("/files/none.txt").status == 404
        refused = upload(visitor, "/files", "page.html", b"<script>alert(1)</script>")
        assert refused.status == 422
