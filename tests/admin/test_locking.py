"""Of several who save the same row at the same moment one wins, and the others are told."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from lback import Application
from lback.testing import Client

EDITORS = 4


def test_one_of_those_who_save_at_once_wins(
    gallery: Application, works: Any, session_id: Any, form_of: Any, session: Any
) -> None:
    url = f"/admin/painting/row/{works[0].id}"
    cookie, barrier = session_id("ada"), Barrier(EDITORS)

    def edit(number: int) -> int:
        client = Client(gallery)
        client.cookies["session"] = cookie
        data = form_of(client.get(url).text) | {"title": f"By {number}"}
        barrier.wait(timeout=30)
        return client.post(url, data=data).status_code

    with ThreadPoolExecutor(EDITORS) as pool:
        statuses = sorted(pool.map(edit, range(EDITORS)))
    assert statuses == [303, 409, 409, 409]
    session.expire_all()
    assert works[0].title.startswith("By ")


def test_a_row_that_someone_deletes_while_another_edits(
    ada: Client, works: Any, form_of: Any
) -> None:
    url = f"/admin/painting/row/{works[0].id}"
    data = form_of(ada.get(url).text)
    ada.post(f"{url}/delete", data={"confirmed": "yes"})
    answer = ada.post(url, data=data)
    assert answer.status_code == 404
    assert "It may have been deleted" in answer.text
