"""Strict JSON parsing under the name that it has among the middlewares."""

from lback.core.http.json_decoding import parse_json as parse_json
