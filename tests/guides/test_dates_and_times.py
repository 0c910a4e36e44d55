"""docs/guides/dates-and-times.md in a real project."""

from tests.guides.conftest import Project


def test_times_are_entered_and_shown_in_the_zone(project: Project) -> None:
    project.new_app("shop", "--minimal")
    project.apply("dates-and-times")
    project.migrate()
    with project.serving() as visitor:
        sent = {"title": "Emma", "starts_at": "2026-07-01T14:30"}
        assert visitor.submit("/shop/", sent).status == 303
        assert "<p>Emma: 01.07.2026 14:30 CEST</p>" in visitor.get("/shop/").text
        assert visitor.get("/shop/1").json() == {
            "title": "Emma",
            "starts_at": "2026-07-01T12:30:00Z",
        }
        skipped = visitor.submit("/shop/", {**sent, "starts_at": "2026-03-29T02:30"})
        assert skipped.status == 422
        assert "The clocks go forward at this time." in skipped.text
        assert visitor.get("/shop/today").json() == {"titles": []}


def test_an_unknown_zone_stops_the_start(project: Project) -> None:
    printed = project.lback_fails("check", TIME_ZONE="Europe/Berlim")
    assert "TIME_ZONE" in printed
    assert "did you mean 'Europe/Berlin'?" in printed


def test_commands_have_the_zone_of_the_project(project: Project) -> None:
    program = "from lback.time_zones import current_zone; print(current_zone())"
    printed = project.lback("shell", "-c", program, TIME_ZONE="Asia/Tokyo")
    assert "Asia/Tokyo" in printed
