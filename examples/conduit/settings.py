"""The settings of conduit; environment variables and lines in `.env` override them."""

ROOT_URLCONF = "urls"
USER_MODEL = "models.Person"
API_PREFIXES = ["/api/"]
BEARER_SCHEMES = ["Bearer", "Token"]
JWT_AUDIENCE = "https://conduit.example"
JWT_ACCESS_SECONDS = 7 * 24 * 60 * 60
