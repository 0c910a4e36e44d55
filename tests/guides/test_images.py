"""docs/guides/images.md in a real project."""

import io

from PIL import Image

from tests.guides.conftest import Project
from tests.guides.test_files import upload


def photo() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "taken at home"
    output = io.BytesIO()
    Image.new("RGB", (600, 400), "blue").save(output, "JPEG", exif=exif)
    return output.getvalue()


def test_a_photo_is_cleaned_and_shown_small(project: Project) -> None:
    project.apply("images")
    project.migrate()
    with project.serving() as visitor:
        sent = upload(visitor, "/photos", "me.jpg", photo(), field="picture")
        assert sent.status == 303, sent.text
        assert 'src="/photos/1/small" alt="me.jpg"' in visitor.get("/photos").text
        small = visitor.get("/photos/1/small")
        assert small.headers["content-type"] == "image/webp"
        assert Image.open(io.BytesIO(small.content)).size == (200, 200)
        refused = upload(visitor, "/photos", "me.jpg", b"<script>", field="picture")
        assert refused.status == 422
    (original,) = (project.folder / "media").rglob("me.jpg")
    stored = original.read_bytes()
    assert Image.open(io.BytesIO(stored)).size == (400, 600)
    assert b"taken at home" not in stored
