"""Files are collected under names that say their content, and nothing else is touched."""

import gzip
import json
import re
import stat
from pathlib import Path

import pytest

from lback.core.exceptions import ConfigurationError
from lback.static_files import Collection, StaticFiles, collect
from lback.static_files.manifest import read_manifest
from tests.static_files.conftest import Build, write


@pytest.fixture
def files(build: Build) -> StaticFiles:
    return build().static_files


def run(files: StaticFiles, **options: bool) -> Collection:
    return collect(files.sources, files.root, files.static_url, **options)


def text(files: StaticFiles, name: str) -> str:
    return (files.root / run(files).files[name]).read_text()


def test_each_file_is_there_under_two_names(files: StaticFiles) -> None:
    found = run(files)
    assert list(found.files) == ["css/site.css", "img/back.png", "robots.txt", "shelf/book.svg"]
    for plain, digested in found.files.items():
        assert (files.root / plain).read_bytes() == (files.root / digested).read_bytes()
        assert stat.S_IMODE((files.root / plain).stat().st_mode) & 0o044 == 0o044
    manifest = json.loads((files.root / "staticfiles.json").read_text())
    assert manifest == {"version": 2, "files": found.files, "earlier": {}}
    assert found.warnings == []
    assert sorted(found.written) == sorted([*found.files, *found.files.values()])


def test_a_second_run_writes_nothing(files: StaticFiles) -> None:
    first = run(files)
    again = run(files)
    assert (again.files, again.written) == (first.files, [])


def test_a_name_changes_with_what_the_file_refers_to(files: StaticFiles, root: Path) -> None:
    before = run(files).files
    write(root / "static/img/back.png", b"\x89PNG other")
    after = run(files).files
    assert before["img/back.png"] != after["img/back.png"]
    assert before["css/site.css"] != after["css/site.css"]
    assert before["robots.txt"] == after["robots.txt"]
    assert (files.root / before["css/site.css"]).exists(), "pages sent earlier still name it"


@pytest.mark.parametrize(
    ("reference", "becomes"),
    [
        ("url(../img/back.png)", "url(../img/back.D.png)"),
        ("url( '../img/back.png' )", "url( '../img/back.D.png' )"),
        ('url("../img/back.png?v=1#x")', 'url("../img/back.D.png?v=1#x")'),
        ("URL(/static/img/back.png)", "URL(/static/img/back.D.png)"),
        ("url(../img/../img/back.png)", "url(../img/../img/back.D.png)"),
        ("url(../my%20file.txt)", "url(../my%20file.D.txt)"),
        ("@import 'part.css';", "@import 'part.D.css';"),
        ('@import url("part.css") screen;', '@import url("part.D.css") screen;'),
        ("/*# sourceMappingURL=a.css.map */", "/*# sourceMappingURL=a.css.D.map */"),
        ("/*# sourceMappingURL=none.map */", "/*# sourceMappingURL=none.map */"),
        ("/* url(../img/back.png) */", "/* url(../img/back.png) */"),
        ("url(data:image/png;base64,AAAA)", "url(data:image/png;base64,AAAA)"),
        ("url(https://example.com/a.png)", "url(https://example.com/a.png)"),
        ("url(//example.com/a.png)", "url(//example.com/a.png)"),
        ("url(/media/a.png)", "url(/media/a.png)"),
        ("url(#filter)", "url(#filter)"),
        ("url()", "url()"),
        # Tokens that only look like a reference or a comment, and references that look like none.
        ('a[x="image/*"] {} b { c: url(part.css) }', 'a[x="image/*"] {} b { c: url(part.D.css) }'),
        ("a[x='/*'] {} url(part.css) /* ' */", "a[x='/*'] {} url(part.D.css) /* ' */"),
        ('.a\\" { } url(part.css)', '.a\\" { } url(part.D.css)'),
        ("x: '\\'url(part.css)'; url(part.css)", "x: '\\'url(part.css)'; url(part.D.css)"),
        ('content: "url(part.css)"', 'content: "url(part.css)"'),
        ("it's\nurl(part.css)", "it's\nurl(part.D.css)"),
        ("/* it's */ url(part.css)", "/* it's */ url(part.D.css)"),
        ("my-url(part.css)", "my-url(part.css)"),
        ('url("a(1).css")', 'url("a%281%29.D.css")'),
        ("url(a\\(1\\).css)", "url(a%281%29.D.css)"),
        ('url("\\70 art.css")', 'url("part.D.css")'),
        ("url(\\70 art.css)", "url(part.D.css)"),
        ("url(p\\000061rt.css)", "url(part.D.css)"),
        ("@import/* first */'part.css';", "@import/* first */'part.D.css';"),
        ("url(data:x,<a b='/*'>) url(part.css)", "url(data:x,<a b='/*'>) url(part.D.css)"),
        ("url(part.css) /* no end url(part.css)", "url(part.D.css) /* no end url(part.css)"),
    ],
)
def test_references_of_css_follow(
    files: StaticFiles, root: Path, reference: str, becomes: str
) -> None:
    write(root / "static/css/a.css", reference)
    write(root / "static/css/part.css", "p {}")
    write(root / "static/css/a(1).css", "p {}")
    write(root / "static/css/a.css.map", "{}")
    write(root / "static/my file.txt", "x")
    found = run(files)
    assert re.sub(r"\.[0-9a-f]{12}\.", ".D.", text(files, "css/a.css")) == becomes
    assert found.warnings == []


def test_a_style_sheet_of_unfinished_tokens_is_read_in_linear_time(
    files: StaticFiles, root: Path
) -> None:
    for token in (
        "@import/**/",
        "url(",
        "url(\\61 ",
        "url('",
        "'",
        "/*",
        "\\",
        "url(\\",
        "@import '",
    ):
        write(root / "static/css/a.css", token * 20_000)
        assert text(files, "css/a.css") == token * 20_000


@pytest.mark.parametrize(
    "script",
    [
        "let url = 'x';\n//# sourceMappingURL=a.js.map\n",
        "let url = 'x';\r\n//# sourceMappingURL=a.js.map\r\n",
        "let url = 'x';\n//@ sourceMappingURL=a.js.map",
        "let url = 'x';//# sourceMappingURL=a.js.map",
        "let url = 'x';\n  //# sourceMappingURL=a.js.map  \n",
        "let url = 'x';\n/*# sourceMappingURL=a.js.map */\n",
        "let url = 'x';/*# sourceMappingURL=a.js.map*/",
    ],
)
def test_source_maps_of_scripts_follow(files: StaticFiles, root: Path, script: str) -> None:
    write(root / "static/a.js", script)
    write(root / "static/a.js.map", "{}")
    digested = Path(run(files).files["a.js.map"]).name
    written = (files.root / run(files).files["a.js"]).read_bytes().decode()
    assert written == script.replace("a.js.map", digested)


@pytest.mark.parametrize(
    "script", ["//# sourceMappingURL=none.map\n", "let a = '//# sourceMappingURL=' + name;\n"]
)
def test_a_source_map_that_does_not_exist_is_left_alone(
    files: StaticFiles, root: Path, script: str
) -> None:
    write(root / "static/a.js", script)
    assert run(files).warnings == []
    assert text(files, "a.js") == script


def test_references_to_static_files_on_another_host_follow(build: Build, root: Path) -> None:
    address = "https://cdn.example/assets/"
    write(root / "static/a.css", f"url({address}img/back.png) url(https://cdn.example/x.png)")
    files = build(STATIC_URL=address).static_files
    written = re.sub(r"\.[0-9a-f]{12}\.", ".D.", text(files, "a.css"))
    assert written == f"url({address}img/back.D.png) url(https://cdn.example/x.png)"


def test_files_that_import_each_other_are_collected(files: StaticFiles, root: Path) -> None:
    write(root / "static/a.css", "@import 'b.css';")
    write(root / "static/b.css", "@import 'a.css';")
    write(root / "static/self.css", "@import 'self.css';")
    assert text(files, "a.css").startswith("@import 'b.")
    assert text(files, "b.css") == "@import 'a.css';"
    assert text(files, "self.css") == "@import 'self.css';"


def test_a_reference_to_nothing_is_told_with_its_line(files: StaticFiles, root: Path) -> None:
    write(root / "static/a.css", "p {}\nq { background: url(img/bck.png) }\n")
    write(root / "static/b.css", "q { background: url(../../secret.txt) }\n")
    write(root / "static/c.css", b"\xff\xfe")
    assert run(files).warnings == [
        "a.css, line 2: there is no static file 'img/bck.png'; did you mean img/back.png?",
        "b.css, line 1: there is no static file '../../secret.txt'",
        "c.css is not valid UTF-8; copied without changes",
    ]
    assert "url(img/bck.png)" in text(files, "a.css")


def test_what_compresses_well_has_a_compressed_copy(files: StaticFiles, root: Path) -> None:
    write(root / "static/long.txt", "again and again\n" * 500)
    write(root / "static/long.png", b"again and again\n" * 500)
    found = run(files)
    for name in ("long.txt", found.files["long.txt"]):
        packed = (files.root / f"{name}.gz").read_bytes()
        assert gzip.decompress(packed) == (files.root / name).read_bytes()
    assert not (files.root / "long.png.gz").exists()
    assert not (files.root / "robots.txt.gz").exists()
    assert run(files).written == []


def test_clearing_removes_what_is_of_no_use(files: StaticFiles, root: Path) -> None:
    before = run(files).files
    write(root / "static/robots.txt", "other")
    (root / "shelf/static/shelf/book.svg").unlink()
    assert run(files).removed == []
    removed = run(files, clear=True).removed
    assert set(removed) == {before["robots.txt"], "shelf/book.svg", before["shelf/book.svg"]}
    assert not (files.root / "shelf").exists()
    assert (files.root / "css").is_dir()


def test_a_trial_run_only_tells(files: StaticFiles, root: Path) -> None:
    found = run(files, dry_run=True)
    assert len(found.written) == 8
    assert not files.root.exists()
    run(files)
    (root / "static/robots.txt").unlink()
    assert len(run(files, clear=True, dry_run=True).removed) == 1
    assert (files.root / "robots.txt").exists()


@pytest.mark.parametrize("place", ["static", "static/all", "shelf/static"])
def test_a_directory_of_sources_is_never_written_to(build: Build, root: Path, place: str) -> None:
    before = sorted(root.rglob("*"))
    with pytest.raises(
        ConfigurationError, match=r"STATIC_ROOT .* overlaps with the source directory"
    ):
        run(build(STATIC_ROOT=place).static_files)
    assert sorted(root.rglob("*")) == before


def test_a_directory_that_was_not_collected_is_not_cleared(files: StaticFiles) -> None:
    write(files.root / "letters.txt", "mine")
    with pytest.raises(
        ConfigurationError, match=r"was not created by collectstatic, .* check STATIC"
    ):
        run(files, clear=True)
    run(files)
    assert (files.root / "letters.txt").exists()


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 9, "files": {}}', "\xff"])
def test_a_broken_manifest_is_named(build: Build, content: str) -> None:
    app = build(public=True)
    write(app.static_files.root / "staticfiles.json", content.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"staticfiles\.json.*; run collectstatic again"):
        app.static_files.url("robots.txt")


def test_a_disk_that_fails_leaves_the_manifest(files: StaticFiles, root: Path) -> None:
    run(files)
    manifest = (files.root / "staticfiles.json").read_text()
    write(root / "static/zoo/a.txt", "a")
    write(files.root / "zoo", "in the way")
    with pytest.raises(OSError, match="zoo"):
        run(files)
    assert (files.root / "staticfiles.json").read_text() == manifest
    assert not list(files.root.rglob("*.tmp"))


def test_earlier_names_are_listed_for_thirty_days(files: StaticFiles, root: Path) -> None:
    day = 24 * 3600.0
    first = collect(files.sources, files.root, "/static/", now=0.0).files["robots.txt"]
    write(root / "static/robots.txt", "Disallow: /\n")
    second = collect(files.sources, files.root, "/static/", now=day).files["robots.txt"]
    assert first != second

    collect(files.sources, files.root, "/static/", now=30 * day)
    manifest = read_manifest(files.root)
    assert manifest is not None
    assert manifest.earlier == {first: day}
    assert {first, second, "robots.txt"} <= manifest.names

    collect(files.sources, files.root, "/static/", now=31 * day)
    manifest = read_manifest(files.root)
    assert manifest is not None
    assert first not in manifest.names


def test_a_name_that_comes_back_is_not_an_earlier_one(files: StaticFiles, root: Path) -> None:
    first = collect(files.sources, files.root, "/static/", now=0.0).files["robots.txt"]
    write(root / "static/robots.txt", "Disallow: /\n")
    collect(files.sources, files.root, "/static/", now=1.0)
    write(root / "static/robots.txt", "User-agent: *\n")
    collect(files.sources, files.root, "/static/", now=2.0)

    manifest = read_manifest(files.root)
    assert manifest is not None
    assert manifest.files["robots.txt"] == first
    assert first not in manifest.earlier


def test_a_manifest_of_version_0_1_is_read(files: StaticFiles) -> None:
    files.root.mkdir()
    old = {"version": 1, "files": {"robots.txt": "robots.abc.txt"}}
    (files.root / "staticfiles.json").write_text(json.dumps(old))
    manifest = read_manifest(files.root)
    assert manifest is not None
    assert manifest.names == {"robots.txt", "robots.abc.txt"}
