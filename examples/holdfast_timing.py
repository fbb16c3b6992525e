"""Tells Holdfast how long a request was in the database, by the header Server-Timing (W3C): it stands in the access log, in
"holdfast edge times" and in the log of slow requests then. Time in which the pooler has no connection free is part of it.

Django, in settings.py:

    MIDDLEWARE = ["holdfast_timing.DatabaseTime", ...]

Flask, or any other WSGI application, with psycopg2 (also below SQLAlchemy):

    app.wsgi_app = holdfast_timing.WSGI(app.wsgi_app)
    connection = psycopg2.connect(url, connection_factory=holdfast_timing.Connection)
    engine = create_engine(url, connect_args={"connection_factory": holdfast_timing.Connection})

Of an answer that is streamed only the time until it begins counts.
"""
import contextvars
import time

spent = contextvars.ContextVar("seconds of this request in the database", default=None)


def measured(do, *args, **more):
    """Calls do, and adds how long that took to the request under way."""
    begin = time.perf_counter()
    try:
        return do(*args, **more)
    finally:
        seconds = spent.get()
        if seconds is not None:
            seconds[0] += time.perf_counter() - begin


def field(seconds):
    return "db;dur=%.1f" % (seconds[0] * 1000)


class DatabaseTime:
    """Middleware for Django, all versions: measures every statement of every database."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        from contextlib import ExitStack
        from django.db import connections

        seconds = [0.0]
        token = spent.set(seconds)
        try:
            with ExitStack() as stack:
                for connection in connections.all():
                    stack.enter_context(connection.execute_wrapper(measured))
                response = self.get_response(request)
        finally:
            spent.reset(token)
        before = response["Server-Timing"] + ", " if response.has_header("Server-Timing") else ""
        response["Server-Timing"] = before + field(seconds)
        return response


class WSGI:
    """Middleware for WSGI applications whose connections are those below."""

    def __init__(self, app):
        self.app = app

    def __call__(self, environ, start_response):
        seconds = [0.0]
        token = spent.set(seconds)

        def start(status, headers, *error):
            return start_response(status, headers + [("Server-Timing", field(seconds))], *error)

        try:
            return self.app(environ, start)
        finally:
            spent.reset(token)


try:
    import psycopg2.extensions
except ImportError:  # Django with another driver needs no more
    pass
else:
    class Cursor(psycopg2.extensions.cursor):
        """A cursor of psycopg2 that measures."""

        def execute(self, *args, **more):
            return measured(super().execute, *args, **more)

        def executemany(self, *args, **more):
            return measured(super().executemany, *args, **more)

        def callproc(self, *args, **more):
            return measured(super().callproc, *args, **more)

    class Connection(psycopg2.extensions.connection):
        """A connection of psycopg2 that measures, commits included."""

        def cursor(self, *args, **more):
            more.setdefault("cursor_factory", Cursor)
            return super().cursor(*args, **more)

        def commit(self):
            return measured(super().commit)
