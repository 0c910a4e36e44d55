"""Built-in middlewares: sessions, authentication, CSRF, headers, limits, compression, logging."""

from lback.middleware.access_log import AccessLogMiddleware
from lback.middleware.authentication import AuthenticationMiddleware
from lback.middleware.body_parsing import BodyParsingMiddleware
from lback.middleware.compression import CompressionMiddleware
from lback.middleware.cors import CORSMiddleware
from lback.middleware.csrf import CSRFMiddleware, csrf_exempt, csrf_token, rotate_csrf_token
from lback.middleware.rate_limiting import RateLimitMiddleware, rate_limit
from lback.middleware.request_id import RequestIDFilter, RequestIDMiddleware
from lback.middleware.security_headers import SecurityHeadersMiddleware
from lback.middleware.server_timing import ServerTimingMiddleware
from lback.middleware.sessions import SessionMiddleware

__all__ = [
    "AccessLogMiddleware",
    "AuthenticationMiddleware",
    "BodyParsingMiddleware",
    "CORSMiddleware",
    "CSRFMiddleware",
    "CompressionMiddleware",
    "RateLimitMiddleware",
    "RequestIDFilter",
    "RequestIDMiddleware",
    "SecurityHeadersMiddleware",
    "ServerTimingMiddleware",
    "SessionMiddleware",
    "csrf_exempt",
    "csrf_token",
    "rate_limit",
    "rotate_csrf_token",
]
