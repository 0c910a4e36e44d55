"""docs/guides/large-uploads.md in a real project, and a server that is killed in the middle."""

import base64
import os
import re
import signal
import socket
from contextlib import closing

from tests.guides.conftest import (
    DEPLOYED,
    TOKEN,
    Project,
    Visitor,
    port_of,
)
from tests.guides.test_files import upload

TUS = {"Tus_Resumable": "1.0.0"}
BYTES = "application/offset+octet-stream"
CONTENT = os.urandom(9_000_000)
ARRIVED = 5_000_000


def files(project: Project) -> list[str]:
    media = project.folder / "media"
    return [path.relative_to(media).as_posix() for path in media.rglob("*") if path.is_file()]


def test_a_form_without_the_script(project: Project) -> None:
    project.apply("large-uploads")
    project.migrate()
    with project.serving() as visitor:
        page = visitor.get("/films").text
        (script,) = re.findall(r'<script src="([^"]+)"', page)
        assert visitor.get(script).headers["content-type"].startswith("text/javascript")
        assert upload(visitor, "/films", "film.mp4", b"film", field="reel").status == 303
        assert "film.mp4 (4 bytes)" in visitor.get("/films").text


def test_a_file_that_is_sent_directly(project: Project) -> None:
    project.apply("large-uploads")
    project.migrate()
    with project.serving() as visitor:
        direct = visitor.get("/films/begin?name=film.mp4").json()
        boundary = "the-boundary"
        field = '--{}\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
        parts = [field.format(boundary, name, "", v) for name, v in direct["fields"].items()]
        parts += [field.format(boundary, "file", '; filename="x"', "a film"), f"--{boundary}--"]
        kind = f"multipart/form-data; boundary={boundary}"
        answer = visitor.send("POST", direct["url"], "".join(parts).encode(), Content_Type=kind)
        assert answer.status == 204, answer.text
        sent = visitor.submit("/films", {"reel-upload": direct["token"]})
        assert sent.status == 303, sent.text
        assert "film.mp4 (6 bytes)" in visitor.get("/films").text
        (file,) = files(project)
        assert file.startswith("films/")


def test_a_killed_server_and_the_upload_goes_on(project: Project) -> None:
    project.apply("large-uploads")
    project.migrate()
    serve = ("serve", "--port", "0", "--workers", "1")
    with project.running(*serve, **DEPLOYED) as (process, output):
        visitor = Visitor(port_of(process, output), output)
        fields = token_of(visitor)
        name = base64.b64encode(b"film.mp4").decode()
        started = visitor.send(
            "POST", "/uploads/", b"", Upload_Length=str(len(CONTENT)),
            Upload_Metadata=f"filename {name}", **TUS, **fields,
        )  # fmt: skip
        assert started.status == 201, started.text
        url = started.headers["location"]
        first = visitor.send(
            "PATCH", url, CONTENT[:ARRIVED], Upload_Offset="0", Content_Type=BYTES, **TUS, **fields
        )
        assert first.status == 204, first.text
        with closing(send_half(visitor, url, fields)):
            os.killpg(process, signal.SIGKILL)
    assert all(name.startswith(("lback-uploads/", ".incoming/")) for name in files(project))

    with project.serving(*serve[:1], *serve[3:]) as again:
        again.cookies = visitor.cookies
        offset = int(again.send("HEAD", url, None, **TUS).headers["upload-offset"])
        assert ARRIVED <= offset < len(CONTENT)
        fields = token_of(again)
        answer = again.send(
            "PATCH", url, CONTENT[offset:], Upload_Offset=str(offset), Content_Type=BYTES,
            **TUS, **fields,
        )  # fmt: skip
        assert answer.status == 204, answer.text
        token = url.rpartition("/")[2]
        assert again.submit("/films", {"reel-upload": token}).status == 303
        assert f"film.mp4 ({len(CONTENT)} bytes)" in again.get("/films").text
    (stored,) = [name for name in files(project) if name.startswith("films/")]
    assert (project.folder / "media" / stored).read_bytes() == CONTENT
    assert not [name for name in files(project) if name.startswith("lback-uploads/")]


def token_of(visitor: Visitor) -> dict[str, str]:
    found = TOKEN.search(visitor.get("/films").text)
    assert found
    return {"X_CSRF_Token": found[1], "Origin": f"http://localhost:{visitor.port}"}


def send_half(visitor: Visitor, url: str, fields: dict[str, str]) -> socket.socket:
    """Send the head of a request and less of its body than announced, and stay connected."""
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    head = (
        f"PATCH {url} HTTP/1.1\r\nHost: localhost:{visitor.port}\r\nTus-Resumable: 1.0.0\r\n"
        f"Upload-Offset: {ARRIVED}\r\nContent-Type: {BYTES}\r\n"
        f"Content-Length: {len(CONTENT) - ARRIVED}\r\n"
        f"X-CSRF-Token: {fields['X_CSRF_Token']}\r\nOrigin: {fields['Origin']}\r\n"
        f"Cookie: {cookies}\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", visitor.port))
    connection.sendall(head.encode() + CONTENT[ARRIVED : ARRIVED + 1_000_000])
    return connection
