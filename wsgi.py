"""The doors for servers: `app` for WSGI, `asgi` for ASGI. `reactions serve` uses them through config/gunicorn.conf.py."""

from reactions.app import asgi_app, from_environment

app = from_environment()
asgi = asgi_app(app)
