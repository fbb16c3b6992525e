"""Two caches of Flask-Caching with a prefix and a default lifetime each, on one server."""
import os
import time

from flask import Flask
from flask_caching import Cache


def step(name, good):
    if not good:
        raise SystemExit("wrong: " + name)
    print("ok", name)


def cache(prefix, seconds):
    app = Flask(prefix)
    made = Cache(app, config={
        "CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": os.environ["REDIS_URL"], "CACHE_KEY_PREFIX": prefix, "CACHE_DEFAULT_TIMEOUT": seconds,
    })
    return app, made


short, long = cache("settings/", 1), cache("pages/", 600)
for app, c in (short, long):
    with app.app_context():
        c.set("x", app.name)
began = time.monotonic()
with short[0].app_context():
    step("before", short[1].get("x") == "settings/" or time.monotonic() - began > 0.9)
with long[0].app_context():
    step("apart", long[1].get("x") == "pages/")
time.sleep(max(0, began + 1.1 - time.monotonic()))
with short[0].app_context():
    step("after", short[1].get("x") is None)
with long[0].app_context():
    step("the other", long[1].get("x") == "pages/")
