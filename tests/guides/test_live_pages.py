"""docs/guides/live-pages.md in a real project, with two real browsers."""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.guides.conftest import Project


@pytest.fixture
def project(project: Project) -> Project:
    project.new_app("board", "--minimal")
    project.apply("live-pages")
    project.migrate()
    return project


def test_two_windows(project: Project, chromium: Browser, serious_findings: Any) -> None:
    with project.serving() as visitor:
        address = f"http://localhost:{visitor.port}/board/"
        windows = [chromium.new_context().new_page() for _ in range(2)]
        for window in windows:
            window.goto(address)
            expect(window.locator("html")).to_have_attribute("data-lback-state", "live")
        writer, reader = windows
        reader.fill("[name=text]", "half-typed")
        writer.fill("[name=text]", "Lunch & dinner")
        writer.click("main button, form button")
        for window in windows:
            expect(window.locator("li")).to_have_text(["Lunch & dinner"])
        assert reader.input_value("[name=text]") == "half-typed"
        expect(writer.locator("[name=text]")).to_have_value("")
        assert serious_findings(reader) == []
        for window in windows:
            window.context.close()


def test_without_javascript(project: Project) -> None:
    with project.serving() as visitor:
        assert visitor.submit("/board/", {"text": "Lunch"}).status == 303
        assert '<li id="pin-1">Lunch</li>' in visitor.get("/board/").text
        assert visitor.submit("/board/", {"text": ""}).status == 422
