"""docs/guides/dates-numbers-zones.md in a real project."""

from tests.guides.conftest import Project


def test_a_german_reader_writes_and_reads_german_numbers(project: Project) -> None:
    project.apply("dates-numbers-zones")
    with project.serving() as visitor:
        visitor.cookies["language"] = "de"
        page = visitor.get("/order").text
        assert '<p id="paid">01.07.26, 14:00</p>' in page
        assert '<p id="total">1.234,50\u00a0€</p>' in page
        sent = visitor.submit("/order", {"price": "1.234,50", "due": "24.12.2026"})
        assert sent.text == "1234.50 2026-12-24"
        visitor.cookies["language"] = "en"
        sent = visitor.submit("/order", {"price": "1,234.50", "due": "12/24/2026"})
        assert sent.text == "1234.50 2026-12-24"
        wrong = visitor.submit("/order", {"price": "1.234,50", "due": "24.12.2026"})
        assert wrong.status == 422
        assert 'value="1.234,50"' in wrong.text
