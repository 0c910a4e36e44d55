"""WSGI entry point for servers other than `lback serve`, such as `gunicorn wsgi:application`."""

from lback.core import create_wsgi_app

application = create_wsgi_app()
