"""Images: variants, orientation, metadata, limits on pixels, and files that are no images."""

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import delete
from sqlalchemy.orm import Mapped, mapped_column

from lback import Application
from lback.core.exceptions import ServiceUnavailable
from lback.core.http.uploaded_file import UploadedFile
from lback.database import Base
from lback.forms import Form, ImageField
from lback.storage import (
    InvalidImage,
    Storage,
    StoredFile,
    clean_image,
    image_variant,
    images,
    mapped_file,
)
from lback.storage.maintenance import orphans


class Portrait(Base):
    __tablename__ = "test_storage_portraits"

    id: Mapped[int] = mapped_column(primary_key=True)
    picture: Mapped[StoredFile | None] = mapped_file(folder="portraits", images=True)


class PhotoForm(Form):
    photo = ImageField(remove_metadata=True)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    app = Application(
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"],
        DATABASE_URL=f"sqlite:///{tmp_path / 'test.sqlite3'}",
        STORAGES={"default": {"backend": "memory"}},
    )
    app.db_manager.create_tables()
    yield app
    with app.db_manager.session() as session:
        session.execute(delete(Portrait))
    app.db_manager.dispose()


def picture(size: tuple[int, int] = (60, 40), form: str = "PNG", **options: Any) -> bytes:
    output = io.BytesIO()
    image = Image.new("RGB", size, "blue")
    image.putpixel((0, 0), (255, 0, 0))
    image.save(output, form, **options)
    return output.getvalue()


def with_exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "taken at home"
    return picture(form="JPEG", exif=exif, comment=b"secret comment", quality=100)


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def upload(content: bytes, filename: str = "cat.png") -> Any:
    return UploadedFile(filename, "image/png", io.BytesIO(content), "picture", len(content))


def store(app: Application, content: bytes, filename: str = "cat.png") -> StoredFile:
    with app.db_manager.session() as session:
        session.add(Portrait(id=1, picture=upload(content, filename)))
    with app.db_manager.session() as session:
        found = session.get_one(Portrait, 1).picture
        assert found is not None
        return found


def names(app: Application) -> list[str]:
    storage: Storage = app.dependencies["storage"]
    return [file.name for file in storage.list()]


@pytest.mark.parametrize(("orientation", "size"), [(1, (60, 40)), (3, (60, 40)), (6, (40, 60))])
def test_metadata_is_removed_and_orientation_applied(
    orientation: int, size: tuple[int, int]
) -> None:
    before = with_exif(orientation)
    assert b"taken at home" in before
    after = clean_image(io.BytesIO(before))
    assert opened(after).size == size
    assert not dict(opened(after).getexif())
    assert b"taken at home" not in after
    assert b"secret comment" not in after


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
def test_formats_are_kept_and_what_follows_the_pixels_is_gone(form: str) -> None:
    after = clean_image(io.BytesIO(picture(form=form) + b"<script>alert(1)</script>"))
    assert opened(after).format == form
    assert b"<script>" not in after


def test_a_colour_profile_is_kept() -> None:
    after = clean_image(io.BytesIO(picture(icc_profile=b"profile")))
    assert opened(after).info["icc_profile"] == b"profile"


def test_an_animation_is_kept() -> None:
    output = io.BytesIO()
    frames = [Image.new("RGB", (10, 10), colour) for colour in ("red", "blue", "green")]
    frames[0].save(output, "GIF", save_all=True, append_images=frames[1:])
    assert getattr(opened(clean_image(io.BytesIO(output.getvalue()))), "n_frames", 1) == 3


def bomb() -> bytes:
    """Return a PNG of a few bytes whose header announces 30,000 x 30,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "content",
    [b"", b"text", b"<svg onload=alert(1)>", picture()[:60], with_exif(1)[:300], bomb(),
     picture(form="BMP"), picture(form="TIFF"), b"GIF89a" + b"\xff" * 30],
)  # fmt: skip
def test_what_is_no_image_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidImage) as raised:
        clean_image(io.BytesIO(content))
    assert raised.value.status_code == 400


def test_pixels_are_limited_before_they_are_decoded() -> None:
    with pytest.raises(InvalidImage, match="too many pixels"):
        clean_image(io.BytesIO(picture((100, 100))), max_pixels=9_999)
    assert clean_image(io.BytesIO(picture((100, 100))), max_pixels=10_000)


def test_forms_and_images_have_one_limit(app: Application) -> None:
    large = picture((4001, 4000))
    assert not PhotoForm({}, {"photo": upload(large)}).is_valid()
    with pytest.raises(InvalidImage, match="too many pixels"):
        clean_image(io.BytesIO(large))
    with pytest.raises(InvalidImage, match="too many pixels"):
        image_variant(store(app, large), width=9, height=9)


def test_one_image_is_decoded_at_a_time(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    file = store(app, picture())
    clean_image(io.BytesIO(picture()))
    with pytest.raises(InvalidImage):
        clean_image(io.BytesIO(b"text"))
    monkeypatch.setattr(images, "MAX_WAIT", 0.01)
    form = PhotoForm({}, {"photo": upload(picture())})
    with images._DECODING:
        for decode in (
            lambda: clean_image(io.BytesIO(picture())),
            lambda: image_variant(file, width=9, height=9),
            form.is_valid,
        ):
            with pytest.raises(ServiceUnavailable) as raised:
                decode()
            assert raised.value.status_code == 503
            assert raised.value.headers["Retry-After"] == "5"
    assert len(names(app)) == 1
    assert form.is_valid()
    image_variant(file, width=9, height=9)


def test_uploads_are_encoded_by_the_fastest_method(monkeypatch: pytest.MonkeyPatch) -> None:
    methods: list[object] = []
    save = Image.Image.save

    def watched(image: Image.Image, output: Any, form: str, **options: Any) -> None:
        methods.append(options.get("method"))
        save(image, output, form, **options)

    content = picture(form="WEBP")
    monkeypatch.setattr(Image.Image, "save", watched)
    clean_image(io.BytesIO(content))
    assert methods == [0]


def several_jpegs() -> bytes:
    """Return a photo with a second picture and a place, as phones make them."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "taken at home"
    output = io.BytesIO()
    second = Image.new("RGB", (600, 400), "green")
    Image.new("RGB", (60, 40), "blue").save(
        output, "MPO", save_all=True, append_images=[second], exif=exif
    )
    return output.getvalue()


def test_of_several_jpegs_in_one_file_the_first_is_kept(app: Application) -> None:
    content = several_jpegs()
    assert opened(content).format == "MPO"
    after = opened(clean_image(io.BytesIO(content), max_pixels=60 * 40))
    assert (after.format, after.size, getattr(after, "n_frames", 1)) == ("JPEG", (40, 60), 1)
    assert not dict(after.getexif())
    form = PhotoForm({}, {"photo": upload(content, "cat.jpg")})
    assert form.is_valid(), form.errors
    assert b"taken at home" not in form.cleaned_data["photo"].read()
    with image_variant(store(app, content, "cat.jpg"), width=20, height=20).open() as variant:
        assert Image.open(variant).size == (13, 20)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"width": 30, "height": 30}, (30, 20)),
        ({"width": 30, "height": 30, "fit": "cover"}, (30, 30)),
        ({"width": 300, "height": 300}, (60, 40)),
        ({"width": 30, "height": 30, "format": "jpeg"}, (30, 20)),
        ({"width": 30, "height": 30, "format": "png"}, (30, 20)),
    ],
)
def test_a_variant(app: Application, options: dict[str, Any], size: tuple[int, int]) -> None:
    file = store(app, picture())
    variant = image_variant(file, **options)
    with variant.open() as content:
        made = Image.open(content)
        assert made.size == size
        assert made.format == options.get("format", "webp").upper()
    assert variant.content_type == f"image/{options.get('format', 'webp')}"
    assert str(variant.response().headers["Content-Disposition"]).startswith("inline")
    assert variant.filename.startswith("cat-")


def test_a_variant_is_made_once_and_deleted_with_its_image(app: Application) -> None:
    file = store(app, picture())
    storage: Storage = app.dependencies["storage"]
    first = image_variant(file, width=30, height=30)
    before = storage.info(first.name)
    assert image_variant(file, width=30, height=30) == first
    assert storage.info(first.name) == before
    image_variant(file, width=10, height=10)
    assert len(names(app)) == 3
    assert list(orphans(storage, app.db_manager, older_than=-60)) == []
    with app.db_manager.session() as session:
        session.execute(delete(Portrait))
    assert len(list(orphans(storage, app.db_manager, older_than=-60))) == 3
    with app.db_manager.session() as session:
        session.add(Portrait(id=2, picture=file))
    with app.db_manager.session() as session:
        session.delete(session.get_one(Portrait, 2))
    assert names(app) == []


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_variant_of_a_photo_has_no_metadata(app: Application, orientation: int) -> None:
    file = store(app, with_exif(orientation), "cat.jpg")
    with image_variant(file, width=20, height=20, format="jpeg").open() as content:
        data = content.read()
    assert opened(data).size == ((20, 13) if orientation == 1 else (13, 20))
    assert b"taken at home" not in data


def test_transparency_and_palettes(app: Application) -> None:
    output = io.BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(output, "PNG")
    file = store(app, output.getvalue())
    for form in ("webp", "png", "jpeg"):
        image_variant(file, width=5, height=5, format=form)


@pytest.mark.parametrize(
    "options",
    [{"width": 0, "height": 5}, {"width": 5, "height": 10_001},
     {"width": 5, "height": 5, "fit": "x"}, {"width": 5, "height": 5, "format": "svg"}],
)  # fmt: skip
def test_options_that_are_refused(app: Application, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be|not a size"):
        image_variant(store(app, picture()), **options)


def test_a_form_removes_metadata() -> None:
    form = PhotoForm({}, {"photo": upload(with_exif(6), "cat.jpg")})
    assert form.is_valid(), form.errors
    photo = form.cleaned_data["photo"]
    data = photo.read()
    assert (photo.filename, photo.size) == ("cat.jpg", len(data))
    assert opened(data).size == (40, 60)
    assert b"taken at home" not in data

    broken = PhotoForm({}, {"photo": upload(with_exif(6)[:400], "cat.jpg")})
    assert not broken.is_valid()
