"""The checks of the built site, which `make docs` runs over all of its pages."""

from pathlib import Path

from docs.site import build


def page(folder: Path, name: str, body: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"<!doctype html><title>Test</title>{body}")


def test_a_site_whose_links_all_lead_somewhere_has_no_problems(tmp_path: Path) -> None:
    page(
        tmp_path,
        "index.html",
        '<a href="guides/a%20b.html#last">A</a> <a href="#top">B</a><p id=top>',
    )
    page(tmp_path, "guides/a b.html", '<h2 id="last">C</h2><a href="https://example.com/x">D</a>')
    assert list(build.problems(tmp_path)) == []


def test_missing_pages_and_missing_headings_are_found(tmp_path: Path) -> None:
    page(tmp_path, "index.html", '<a href="gone.html">A</a> <a href="other.html#gone">B</a>')
    page(tmp_path, "other.html", '<img src="gone.png"><h2 id="here">C</h2>')
    assert sorted(build.problems(tmp_path)) == [
        "index.html links to gone.html, which is not there",
        "index.html links to other.html#gone, which is not there",
        "other.html links to gone.png, which is not there",
    ]


def test_nothing_is_loaded_from_another_host(tmp_path: Path) -> None:
    page(tmp_path, "a.html", '<script src="//cdn.example.com/x.js"></script>')
    page(tmp_path, "b.html", '<link rel="stylesheet" href="https://example.com/x.css">')
    (tmp_path / "c.css").write_text("@import 'https://example.com/fonts.css';")
    (tmp_path / "d.css").write_text("p { background: url(data:image/png;base64,AA==); }")
    assert sorted(build.problems(tmp_path)) == [
        "a.html loads //cdn.example.com/x.js",
        "b.html loads https://example.com/x.css",
        "c.css loads from another host",
    ]


def test_every_page_is_copied_as_markdown_and_listed(tmp_path: Path) -> None:
    build.copy_markdown(tmp_path)
    listed = build.llms_txt()
    for path in build.pages():
        name = str(path.relative_to(build.ROOT))
        assert (tmp_path / name).read_text() == path.read_text()
        assert f"]({name})" in listed
