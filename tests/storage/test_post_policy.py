"""The signature of POST policies, by the example that Amazon publishes."""

import base64
import json

from lback.storage.post_policy import signature, signed_fields

# "Example: Browser-Based Upload using HTTP POST" of the reference of Signature Version 4.
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
POLICY = (
    '{ "expiration": "2015-12-30T12:00:00.000Z",\r\n'
    '  "conditions": [\r\n'
    '    {"bucket": "sigv4examplebucket"},\r\n'
    '    ["starts-with", "$key", "user/user1/"],\r\n'
    '    {"acl": "public-read"},\r\n'
    '    {"success_action_redirect": '
    '"http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},\r\n'
    '    ["starts-with", "$Content-Type", "image/"],\r\n'
    '    {"x-amz-meta-uuid": "14365123651274"},\r\n'
    '    {"x-amz-server-side-encryption": "AES256"},\r\n'
    '    ["starts-with", "$x-amz-meta-tag", ""],\r\n'
    "\r\n"
    '    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},\r\n'
    '    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},\r\n'
    '    {"x-amz-date": "20151229T000000Z" }\r\n'
    "  ]\r\n"
    "}"
)
SIGNATURE = "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"


def test_the_signature_is_that_of_the_published_example() -> None:
    encoded = base64.b64encode(POLICY.encode()).decode()
    assert signature(encoded, SECRET, "20151229", "us-east-1") == SIGNATURE


def test_each_field_is_a_condition() -> None:
    fields = signed_fields(
        {"key": "a/b.png", "Content-Type": "image/png"}, bucket="shop", region="eu-central-1",
        key_id="KEY", secret=SECRET, sizes=(1, 5000), now=1_451_347_200.0, expires=1_451_347_800,
    )  # fmt: skip
    policy = json.loads(base64.b64decode(fields["policy"]))
    assert policy["expiration"] == "2015-12-29T00:10:00.000Z"
    assert policy["conditions"] == [
        {"bucket": "shop"},
        ["content-length-range", 1, 5000],
        ["eq", "$key", "a/b.png"],
        ["eq", "$Content-Type", "image/png"],
        ["eq", "$x-amz-algorithm", "AWS4-HMAC-SHA256"],
        ["eq", "$x-amz-credential", "KEY/20151229/eu-central-1/s3/aws4_request"],
        ["eq", "$x-amz-date", "20151229T000000Z"],
    ]
    expected = signature(fields["policy"], SECRET, "20151229", "eu-central-1")
    assert fields["x-amz-signature"] == expected
