"""Forms that a browser sends to an S3 server itself: POST policies with Signature Version 4."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime

ALGORITHM = "AWS4-HMAC-SHA256"


def signature(policy: str, secret: str, date: str, region: str) -> str:
    """Return the signature of a policy in hexadecimal digits.

    Args:
        policy: The policy in base 64.
        secret: Secret access key.
        date: Date of the credential, such as "20151229".
        region: Region of the bucket.
    """
    key = f"AWS4{secret}".encode()
    for part in (date, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    return hmac.new(key, policy.encode(), hashlib.sha256).hexdigest()


def signed_fields(
    fields: Mapping[str, str],
    *,
    bucket: str,
    region: str,
    key_id: str,
    secret: str,
    sizes: tuple[int, int],
    now: float,
    expires: int,
) -> dict[str, str]:
    """Return the fields of a form, each of which must be sent as it is, with the signature.

    Args:
        fields: Fields of the object, such as `key` and `Content-Type`.
        bucket: Name of the bucket.
        region: Region of the bucket.
        key_id: Name of the access key.
        secret: The access key.
        sizes: Minimum and maximum size of the file in bytes.
        now: Seconds since the epoch.
        expires: Seconds since the epoch after which the form is refused.
    """
    at = datetime.fromtimestamp(now, UTC)
    date = at.strftime("%Y%m%d")
    all_fields = {
        **fields,
        "x-amz-algorithm": ALGORITHM,
        "x-amz-credential": f"{key_id}/{date}/{region}/s3/aws4_request",
        "x-amz-date": at.strftime("%Y%m%dT%H%M%SZ"),
    }
    until = datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    equal = [["eq", f"${name}", value] for name, value in all_fields.items()]
    conditions: list[object] = [{"bucket": bucket}, ["content-length-range", *sizes], *equal]
    policy = base64.b64encode(
        json.dumps({"expiration": until, "conditions": conditions}).encode()
    ).decode()
    return {
        **all_fields,
        "policy": policy,
        "x-amz-signature": signature(policy, secret, date, region),
    }
