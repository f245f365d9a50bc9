"""The door for WSGI servers: `gunicorn --config config/gunicorn.conf.py wsgi:app`."""

from reactions.app import from_environment

app = from_environment()
