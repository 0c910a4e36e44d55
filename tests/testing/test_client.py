"""The test client: sends what a browser would, and keeps what a browser would keep."""

import io
import tempfile
from pathlib import Path
from typing import Any

import pytest

from lback import Application, Request, Response, redirect
from lback.testing import Client


def add_cookie_routes(app: Application) -> None:
    @app.route("/sign", requires_auth=False)
    def sign(request: Request) -> Response:
        response = Response("signed")
        response.set_cookie("name", "Ann")
        response.set_cookie("other", "x")
        return response

    @app.route("/forget", requires_auth=False)
    def forget(request: Request) -> Response:
        response = Response("gone")
        response.delete_cookie("name")
        return response


@pytest.fixture
def client() -> Client:
    app = Application()

    @app.route("/echo", ["GET", "POST", "PUT", "PATCH", "DELETE"], requires_auth=False)
    def echo(request: Request) -> dict[str, Any]:
        return {
            "method": str(request.method),
            "path": request.path,
            "query": dict(request.query_params),
            "body": request.body_text,
            "type": request.headers.get("Content-Type"),
            "cookies": dict(request.cookies),
            "odd": request.headers.get("X-Odd"),
            "client": request.environ["REMOTE_ADDR"],
        }

    @app.route("/form", ["POST"], requires_auth=False)
    def form(request: Request) -> dict[str, Any]:
        files = {}
        for name, held in request.files.items():
            uploads = held if isinstance(held, list) else [held]
            files[name] = [[f.filename, f.read().decode(), f.content_type] for f in uploads]
        return {"fields": dict(request.POST), "files": files}

    @app.route("/steps/{left:int}", ["GET", "POST", "HEAD"], requires_auth=False)
    def steps(request: Request, left: int) -> Response:
        if left == 0:
            return Response(f"{request.method} arrived")
        return redirect(f"/steps/{left - 1}", status_code=307 if "keep" in request.GET else 302)

    @app.route("/kept", ["GET", "POST"], requires_auth=False)
    def kept(request: Request) -> Response:
        return redirect("/steps/0", status_code=307)

    add_cookie_routes(app)
    return Client(app, headers={"X-Odd": "yes"}, environ={"REMOTE_ADDR": "192.0.2.7"})


def test_it_sends_every_method(client: Client) -> None:
    for method in ("get", "post", "put", "patch", "delete"):
        assert getattr(client, method)("/echo").json()["method"] == method.upper()
    assert client.head("/echo").body == b""
    assert client.options("/echo").status_code == 204


def test_paths_and_queries_may_be_encoded_or_not(client: Client) -> None:
    answer = client.get("/echo?a=1&ü=é#part", query={"b": [2, 3]})
    assert answer.json()["query"] == {"a": "1", "ü": "é", "b": ["2", "3"]}
    assert client.get("/%65cho").json()["path"] == "/echo"


def test_headers_and_environ_of_the_client_go_with_each_request(client: Client) -> None:
    assert client.get("/echo").json()["odd"] == "yes"
    assert client.get("/echo").json()["client"] == "192.0.2.7"
    assert client.get("/echo", headers={"X-Odd": "no"}).json()["odd"] == "no"


def test_it_sends_forms_json_and_raw_bodies(client: Client) -> None:
    assert client.post("/form", data={"a": "ü", "b": ["1", "2"]}).json()["fields"] == {
        "a": "ü",
        "b": ["1", "2"],
    }
    sent = client.post("/echo", json={"a": 1}).json()
    assert (sent["body"], sent["type"]) == ('{"a":1}', "application/json")
    assert client.put("/echo", data="text").json()["body"] == "text"


def test_it_sends_files(client: Client) -> None:
    answer = client.post(
        "/form",
        data={"title": "Trip", "tag": ["a", "b"]},
        files={
            "one": b"raw",
            "two": ("ü.txt", b"two", "text/plain"),
            "many": [("1.txt", b"1"), ("2.txt", b"2")],
        },
    ).json()
    assert answer["fields"] == {"title": "Trip", "tag": ["a", "b"]}
    assert answer["files"]["one"] == [["upload", "raw", "application/octet-stream"]]
    assert answer["files"]["two"] == [["ü.txt", "two", "text/plain"]]
    assert [name for name, *_ in answer["files"]["many"]] == ["1.txt", "2.txt"]


def test_a_file_is_bytes_text_or_an_open_file(client: Client, tmp_path: Path) -> None:
    (tmp_path / "ü.csv").write_text("on the disk")
    with (tmp_path / "ü.csv").open("rb") as on_disk, tempfile.TemporaryFile() as unnamed:
        unnamed.write(b"unnamed")
        unnamed.seek(0)
        files = {
            "disk": on_disk,
            "unnamed": unnamed,
            "memory": io.BytesIO(b"in memory"),
            "text": ("a.txt", "tëxt"),
            "named": ("b.txt", io.StringIO("open"), "text/plain"),
        }
        answer = client.post("/form", files=files).json()
    assert answer["files"] == {
        "disk": [["ü.csv", "on the disk", "application/octet-stream"]],
        "unnamed": [["upload", "unnamed", "application/octet-stream"]],
        "memory": [["upload", "in memory", "application/octet-stream"]],
        "text": [["a.txt", "tëxt", "application/octet-stream"]],
        "named": [["b.txt", "open", "text/plain"]],
    }


@pytest.mark.parametrize("files", [None, {}])
def test_a_list_or_tuple_is_a_field_several_times(client: Client, files: Any) -> None:
    data = {"a": [1, "2"], "b": ("x", True), "c": b"\xc3\xbc", "d": []}
    assert client.post("/form", data=data, files=files).json()["fields"] == {
        "a": ["1", "2"],
        "b": ["x", "True"],
        "c": "ü",
    }


@pytest.mark.parametrize("value", [None, ["a", None]])
def test_none_is_no_value_of_a_field(client: Client, value: object) -> None:
    for options in ({"data": {"a": value}}, {"data": {"a": value}, "files": {}}):
        with pytest.raises(TypeError, match=r"'a' is None; leave it out, or send an empty text"):
            client.post("/form", **options)
    with pytest.raises(TypeError, match=r"'a' is None"):
        client.get("/echo", query={"a": value})


def test_a_query_may_be_encoded_already(client: Client) -> None:
    assert client.get("/echo?x=1", query="a=%C3%BC&b").json()["query"] == {
        "x": "1",
        "a": "ü",
        "b": "",
    }


def test_json_and_a_form_at_once_are_refused(client: Client) -> None:
    with pytest.raises(ValueError, match="not both"):
        client.post("/form", json={}, data={})
    with pytest.raises(ValueError, match="not both"):
        client.post("/form", json={}, files={"a": b""})


def test_it_keeps_cookies_until_they_are_deleted(client: Client) -> None:
    client.get("/sign")
    assert client.get("/echo").json()["cookies"] == {"name": "Ann", "other": "x"}
    client.get("/forget")
    assert client.get("/echo").json()["cookies"] == {"other": "x"}


def test_it_follows_redirects_when_asked(client: Client) -> None:
    assert client.get("/steps/2").status_code == 302
    answer = client.post("/steps/2", data={"a": 1}, follow_redirects=True)
    assert (answer.text, answer.url) == ("GET arrived", "/steps/0")
    assert client.head("/steps/1", follow_redirects=True).status_code == 200
    assert client.post("/kept", data={"a": 1}, follow_redirects=True).text == "POST arrived"


def test_it_gives_up_on_redirects_without_end(client: Client) -> None:
    with pytest.raises(AssertionError, match="more than ten redirects"):
        client.get("/steps/50", follow_redirects=True)


def test_an_answer_shows_what_it_is(client: Client) -> None:
    answer = client.get("/sign")
    assert repr(answer) == "<ClientResponse 200 OK of /sign>"
    assert [name for name, _ in answer.header_list].count("Set-Cookie") == 2
