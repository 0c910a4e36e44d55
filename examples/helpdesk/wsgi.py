"""For WSGI servers other than `lback serve`: `gunicorn wsgi:application`, say."""

from lback.core import create_wsgi_app

application = create_wsgi_app()
