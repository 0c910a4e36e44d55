"""What is to be done after an answer is done when it has left, and only then."""

import logging

import pytest

from lback import Application, Forbidden, Request, Response, StreamingResponse, UploadedFile
from lback.core.http.after_answer import after_answer
from lback.testing import Client


def application(done: list[str], *, error: bool = False) -> Application:
    app = Application(DEBUG=True, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc")

    @app.route("/", requires_auth=False)
    def view(request: Request) -> str:
        def fails() -> None:
            raise ValueError("the queue is away")

        after_answer(request, lambda: done.append("first"))
        after_answer(request, fails)
        after_answer(request, lambda: done.append("second"))
        if error:
            raise Forbidden
        return "sent"

    return app


def test_jobs_run_in_their_order_and_an_error_ends_none(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []
    with caplog.at_level(logging.ERROR):
        answer = Client(application(done)).get("/")
    assert answer.text == "sent"
    assert done == ["first", "second"]
    assert "the queue is away" in caplog.text


def test_they_are_dropped_where_the_request_failed() -> None:
    done: list[str] = []
    assert Client(application(done, error=True)).get("/").status_code == 403
    assert done == []


def test_a_body_that_is_closed_twice_runs_them_once() -> None:
    done: list[str] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "localhost"}
    answer = application(done)(environ, lambda *_: None)
    assert list(answer) == [b"sent"]
    assert done == []
    answer.close()  # type: ignore[attr-defined]  # a body with jobs has it
    answer.close()  # type: ignore[attr-defined]  # as above
    assert done == ["first", "second"]


@pytest.mark.parametrize("kind", ["text", "stream", "commit", "error"])
def test_uploads_are_open_until_the_jobs_have_run(kind: str) -> None:
    read: list[object] = []
    files: list[UploadedFile] = []
    app = Application(DEBUG=True, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc")

    @app.route("/", ["POST"], requires_auth=False)
    def view(request: Request) -> str | Response:
        file = request.files["f"]
        files.append(file)

        def job() -> None:
            file.seek(0)
            read.append(file.read())

        if kind == "commit":
            request.after_commit(job)
        else:
            after_answer(request, job)
        if kind == "error":
            raise Forbidden
        return StreamingResponse(iter([file.read()])) if kind == "stream" else "sent"

    Client(app).post("/", files={"f": ("a.txt", b"content")})
    assert read == ([] if kind == "error" else [b"content"])
    assert files[0].closed
