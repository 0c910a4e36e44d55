"""Images: variants in other sizes, and originals without metadata, by the library Pillow."""

import io
import threading
import warnings
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from lback.core.exceptions import BadRequest, ConfigurationError, ServiceUnavailable
from lback.core.http.uploaded_file import UploadedFile
from lback.distribution import install_hint
from lback.storage.columns import StoredFile
from lback.storage.content import Readable
from lback.storage.contract import Storage
from lback.storage.file_types import type_of_name
from lback.storage.named import current_storages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

Fit = Literal["inside", "cover"]
Format = Literal["webp", "jpeg", "png"]

# The default of lback.forms.ImageField as well: what a form accepts can be made smaller.
MAX_PIXELS = 16_000_000
MAX_WAIT = 5.0  # seconds until another image has been decoded
MAX_SIDE = 10_000
VARIANTS = "variants"
# What Pillow may decode; it knows many more formats, and their decoders had more flaws.
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_SUFFIXES = {"webp": "webp", "jpeg": "jpg", "png": "png"}
_OPTIONS: dict[str, dict[str, Any]] = {
    "WEBP": {"quality": 82, "method": 4},
    "JPEG": {"quality": 85, "optimize": True, "progressive": True},
    "PNG": {"optimize": True},
    "GIF": {},
}
# An image of two kilobytes may need hundreds of megabytes, so that one is decoded at a time.
_DECODING = threading.Semaphore(1)


class InvalidImage(BadRequest):
    """A file is not an image that can be decoded, or has too many pixels (status 400)."""

    message = "This file is not an image of an accepted type."


def clean_image(file: Readable, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """Return an image without metadata, turned as its EXIF orientation says.

    The image is decoded and encoded again in its format: what else the file contained, such as the
    place where a photo was taken, a comment or a program behind the pixels, is gone. The colour
    profile is kept.

    Args:
        file: An open binary file at its beginning, or an `UploadedFile`.
        max_pixels: Maximum width times height, checked before the image is decoded.

    Raises:
        InvalidImage: The file is not a PNG, JPEG, GIF or WebP image, is damaged, or is too large.
        ServiceUnavailable: Other images are decoded, and took longer than 5 seconds.
        ConfigurationError: Pillow is not installed.
    """
    if isinstance(file, UploadedFile):
        file.seek(0)
        file = file.file
    with _one_at_a_time(), _opened(file, max_pixels) as image:
        form = _format_of(image)
        animated = _frames_of(image) > 1
        found = image if animated else _turned(image)
        # The fastest method of WebP: the others take up to three times as long.
        options = {"method": 0} if form == "WEBP" else {}
        return _encoded(found, form, save_all=animated, **options)


def image_variant(
    file: StoredFile,
    *,
    width: int,
    height: int,
    fit: Fit = "inside",
    format: Format = "webp",  # noqa: A002  the usual name
    max_pixels: int = MAX_PIXELS,
) -> StoredFile:
    """Return a smaller variant of a stored image, made when it is first asked for.

    It is stored beside the image, under the same unguessable part of the name, and deleted with
    it. Call this in a task after the upload if no visitor shall wait for it.

    Args:
        file: The image.
        width: Maximum width in pixels, or the width if `fit` is "cover".
        height: Maximum height in pixels, or the height if `fit` is "cover".
        fit: "inside" keeps all of the image, "cover" fills the size and cuts what is left over. No
            image is enlarged by "inside".
        format: "webp", "jpeg" or "png".
        max_pixels: Maximum width times height of the image.

    Returns:
        The variant; it has `url` and `response` as every stored file.

    Raises:
        ValueError: A size, `fit` or `format` is not allowed.
        InvalidImage: The file is not an image, is damaged, or has too many pixels.
        MissingFile: The file is not in its storage.
        ServiceUnavailable: Other images are decoded, and took longer than 5 seconds.
        ConfigurationError: Pillow is not installed.
    """
    _check(width, height, fit, format)
    storage = current_storages()[file.storage]
    last = f"{width}x{height}-{fit}.{_SUFFIXES[format]}"
    name = f"{variants_folder(file.name)}/{last}"
    if not storage.exists(name):
        with _one_at_a_time():
            # Another request may have made it meanwhile.
            if not storage.exists(name):
                with storage.open(file.name) as content, _opened(content, max_pixels) as image:
                    made = _encoded(_resized(image, width, height, fit), format.upper())
                storage.save(name, made, overwrite=True)
    stem = file.filename.rpartition(".")[0] or file.filename
    return replace(
        file,
        name=name,
        filename=f"{stem}-{last}",
        size=storage.size(name),
        content_type=type_of_name(name),
        sha256="",
    )


def variants_folder(name: str) -> str:
    """Return the folder of the variants of an image.

    Args:
        name: Name of the image in its storage.
    """
    return f"{name.rpartition('/')[0]}/{VARIANTS}".lstrip("/")


def delete_variants(storage: Storage, name: str) -> None:
    """Delete the variants of an image.

    Args:
        storage: Its storage.
        name: Name of the image.

    Raises:
        StorageUnavailable: The server of the storage does not answer.
    """
    for variant in list(storage.list(variants_folder(name))):
        storage.delete(variant.name)


def _check(width: int, height: int, fit: str, form: str) -> None:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise ValueError(f"{width} x {height} is not a size between 1 and {MAX_SIDE} pixels")
    if fit not in ("inside", "cover"):
        raise ValueError(f"fit is {fit!r}; it must be 'inside' or 'cover'")
    if form not in _SUFFIXES:
        raise ValueError(f"format is {form!r}; it must be one of {', '.join(_SUFFIXES)}")


@contextmanager
def _one_at_a_time() -> "Iterator[None]":
    if not _DECODING.acquire(timeout=MAX_WAIT):
        raise ServiceUnavailable("other images are decoded in this process")
    try:
        yield
    finally:
        _DECODING.release()


@contextmanager
def _opened(file: Readable, max_pixels: int) -> "Iterator[Image]":
    """Open an image, of which only the header is read until its size has been checked."""
    try:
        # Imported here, because it is an extra.
        from PIL import Image
    except ImportError as error:
        raise ConfigurationError(
            f"images are decoded by Pillow, which is not installed; run: {install_hint('images')}"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened: Any = file
            with Image.open(opened, formats=_FORMATS) as image:
                pixels = image.width * image.height
                if pixels > max_pixels or pixels * _frames_of(image) > max_pixels:
                    raise InvalidImage("The image has too many pixels.")
                yield image
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        # What the decoders of Pillow raise for damaged files.
        raise InvalidImage from error


def _format_of(image: "Image") -> str:
    """Return the format; "JPEG" for several JPEGs in one file, as phones make."""
    return "JPEG" if image.format == "MPO" else str(image.format)


def _frames_of(image: "Image") -> int:
    """Return the number of pictures of an animation; 1 for a JPEG, whose others are not shown."""
    return 1 if _format_of(image) == "JPEG" else getattr(image, "n_frames", 1)


def _turned(image: "Image") -> "Image":
    from PIL import ImageOps

    ImageOps.exif_transpose(image, in_place=True)  # without a copy
    return image


def _resized(image: "Image", width: int, height: int, fit: Fit) -> "Image":
    from PIL import ImageOps

    # A JPEG is decoded at a fraction of its size where that suffices; it may lie on its side.
    image.draft(None, (2 * max(width, height), 2 * max(width, height)))
    turned = _turned(image)
    if turned.mode not in ("RGB", "RGBA", "L"):
        turned = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    if fit == "cover":
        return ImageOps.fit(turned, (width, height))
    turned.thumbnail((width, height))
    return turned


def _encoded(image: "Image", form: str, *, save_all: bool = False, **more: Any) -> bytes:
    if form == "JPEG" and image.mode not in ("RGB", "L", "CMYK"):
        image = image.convert("RGB")
    options = {**_OPTIONS[form], **({"save_all": True} if save_all else {}), **more}
    profile = image.info.get("icc_profile")
    for key in ("exif", "xmp", "comment", "XML:com.adobe.xmp"):
        image.info.pop(key, None)
    output = io.BytesIO()
    image.save(output, form, icc_profile=profile, exif=b"", **options)
    return output.getvalue()
