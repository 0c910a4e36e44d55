"""Views of resumable uploads by the protocol tus 1.0.0 (core, creation, expiration, checksum)."""

import base64
import binascii
import time
from email.utils import formatdate
from pathlib import Path

from lback.core.config import Config
from lback.core.exceptions import BadRequest, HTTPException, NotFound
from lback.core.http.uploaded_file import UploadedFile
from lback.core.request import Request
from lback.core.response import Response
from lback.storage.contract import Storage
from lback.storage.direct import read_direct_token
from lback.storage.named import Storages
from lback.storage.uploads import ALGORITHMS, Upload, UploadGone, Uploads, owner_of

VERSION = "1.0.0"
_SCRIPT = Path(__file__).with_name("upload.js").read_bytes()
_MAX_DIGITS = 15
_NO_STORE = {"Cache-Control": "no-store"}


def script(request: Request) -> Response:  # noqa: ARG001  a view
    """Send the script that uploads the files of forms in parts and shows the progress.

    Args:
        request: The current request.
    """
    headers = {"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response(_SCRIPT, 200, headers, "text/javascript; charset=utf-8")


class Collection:
    """The address where uploads are started."""

    def options(self, request: Request, config: Config) -> Response:  # noqa: ARG002  a view
        """Return what the server supports.

        Args:
            request: The current request.
            config: The settings; `MAX_UPLOAD_SIZE` is read.
        """
        return _answer(
            204,
            {
                "Tus-Version": VERSION,
                "Tus-Extension": "creation,expiration,checksum,termination",
                "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
                "Tus-Max-Size": str(config.MAX_UPLOAD_SIZE),
            },
        )

    def post(self, request: Request, config: Config, storage: Storage) -> Response:
        """Start an upload.

        Args:
            request: The current request, with `Upload-Length` and `Upload-Metadata`.
            config: The settings; `MAX_UPLOAD_SIZE` is read.
            storage: Where the parts are stored.

        Raises:
            BadRequest: A header field is missing or malformed.
            HTTPException: Status 412 (another version) or 413 (too large).
        """
        uploads = _uploads(request, storage)
        length = _number(request, "Upload-Length")
        if length > config.MAX_UPLOAD_SIZE:
            raise HTTPException(f"the file is larger than {config.MAX_UPLOAD_SIZE} bytes", 413)
        filename = metadata(_field(request, "Upload-Metadata")).get("filename", "")
        token, upload = uploads.start(owner_of(request.user), length, filename)
        location = f"{request.path.rstrip('/')}/{token}"
        return _answer(201, {"Location": location, **_until(upload)})


class Item:
    """The address of one upload."""

    def head(self, request: Request, token: str, storage: Storage) -> Response:
        """Return how many bytes have arrived.

        Args:
            request: The current request.
            token: The token in the address.
            storage: Where the parts are stored.

        Raises:
            NotFound: The upload of this user does not exist.
            UploadGone: It has expired.
        """
        uploads = _uploads(request, storage)
        upload = uploads.find(token, owner_of(request.user))
        fields = {"Upload-Offset": str(uploads.offset(upload)), "Upload-Length": str(upload.length)}
        return _answer(200, {**fields, **_until(upload)})

    # Without HEAD a browser's GET would find nothing; it learns the same.
    get = head

    def patch(self, request: Request, token: str, storage: Storage) -> Response:
        """Store the next bytes.

        Args:
            request: The current request, with `Upload-Offset`.
            token: The token in the address.
            storage: Where the parts are stored.

        Raises:
            NotFound: The upload of this user does not exist.
            UploadGone: It has expired.
            HTTPException: Status 409, 415, 460 or 507.
        """
        uploads = _uploads(request, storage)
        upload = uploads.find(token, owner_of(request.user))
        kind = _field(request, "Content-Type").partition(";")[0].strip().lower()
        if kind != "application/offset+octet-stream":
            raise HTTPException("the body must be application/offset+octet-stream", 415)
        offset = _number(request, "Upload-Offset")
        body = request.open_body()
        checksum = _field(request, "Upload-Checksum")
        if body is not None:
            offset = uploads.append(upload, offset, body, checksum)
        return _answer(204, {"Upload-Offset": str(offset), **_until(upload)})

    def delete(self, request: Request, token: str, storage: Storage) -> Response:
        """End an upload and delete what has arrived.

        Args:
            request: The current request.
            token: The token in the address.
            storage: Where the parts are stored.

        Raises:
            NotFound: The upload of this user does not exist.
            UploadGone: It has expired.
        """
        uploads = _uploads(request, storage)
        uploads.discard(uploads.find(token, owner_of(request.user)))
        return _answer(204, {})


def receive(request: Request, token: str, storages: Storages) -> Response:
    """Store the file of a direct upload, for storages that browsers cannot send files to.

    The answers are those of S3: 204 for a stored file. No CSRF token is needed, because the address
    is signed and valid once.

    Args:
        request: The current request, a form with the field `file`.
        token: The token in the address.
        storages: The storages of the application.

    Raises:
        NotFound: The token is altered, or its storage does not exist.
        UploadGone: The form is sent too late.
        BadRequest: The form has no file.
        HTTPException: Status 409 (the file has arrived already) or 413 (another size).
    """
    upload = read_direct_token(request.app.token_signer, token)
    if upload is None or upload.storage not in storages:
        raise NotFound
    if time.time() > upload.expires:
        raise UploadGone
    file = request.files.get("file")
    if not isinstance(file, UploadedFile):
        raise BadRequest("the form has no file in the field 'file'")
    if not upload.smallest <= file.size <= upload.largest:
        raise HTTPException(f"the file must have {upload.smallest} to {upload.largest} bytes", 413)
    storage = storages[upload.storage]
    if (saved := storage.save(upload.name, file).name) != upload.name:
        storage.delete(saved)
        raise HTTPException("The file has arrived already.", 409)
    return Response("", 204, _NO_STORE)


# As `lback.middleware.csrf_exempt` does, which is on a higher layer.
receive.csrf_exempt = True  # type: ignore[attr-defined]


def metadata(field: str) -> dict[str, str]:
    """Return the pairs of an `Upload-Metadata` field.

    Args:
        field: Keys with values in base 64, separated by commas.

    Raises:
        BadRequest: A value is not base 64 of UTF-8.

    Example:
        >>> metadata("filename Y2F0LnBuZw==,is_confidential")
        {'filename': 'cat.png', 'is_confidential': ''}
    """
    found = {}
    for pair in filter(None, map(str.strip, field.split(","))):
        key, _, encoded = pair.partition(" ")
        try:
            found[key] = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise BadRequest(f"Upload-Metadata: {key[:50]!r} is not base 64 of UTF-8") from error
    return found


def _uploads(request: Request, storage: Storage) -> Uploads:
    if request.headers.get("Tus-Resumable") != VERSION:
        raise HTTPException(
            f"the header Tus-Resumable must be {VERSION}", 412, headers={"Tus-Version": VERSION}
        )
    return Uploads(storage, request.app.token_signer)


def _number(request: Request, name: str) -> int:
    text = _field(request, name)
    if not (text.isascii() and text.isdigit()) or len(text) > _MAX_DIGITS:
        raise BadRequest(f"{name} must be a number of bytes")
    return int(text)


def _field(request: Request, name: str) -> str:
    return request.headers.get(name) or ""


def _until(upload: Upload) -> dict[str, str]:
    return {"Upload-Expires": formatdate(upload.expires, usegmt=True)}


def _answer(status: int, headers: dict[str, str]) -> Response:
    return Response("", status, {"Tus-Resumable": VERSION, **_NO_STORE, **headers})
