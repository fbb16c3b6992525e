"""Flask-Caching and cachelib."""
import os
import time

import redis
from cachelib.redis import RedisCache
from flask import Flask
from flask_caching import Cache


def step(name, good):
    if not good:
        raise SystemExit("wrong: " + name)
    print("ok", name)


app = Flask(__name__)
cache = Cache(app, config={
    "CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": os.environ["REDIS_URL"], "CACHE_DEFAULT_TIMEOUT": 600, "CACHE_KEY_PREFIX": "journal/",
})
calls = []


@cache.memoize(timeout=1)
def slow(n):
    calls.append(n)
    return n * 2


@app.route("/")
@cache.cached(timeout=300)
def page():
    calls.append("page")
    return "hello"


with app.app_context():
    step("memoize", slow(4) == slow(4) == 8 and calls == [4])
    time.sleep(1.1)
    step("timeout", slow(4) == 8 and calls == [4, 4])
    cache.delete_memoized(slow)
    step("delete_memoized", slow(4) == 8 and len(calls) == 3)
client = app.test_client()
step("cached page", client.get("/").data == client.get("/").data == b"hello" and calls.count("page") == 1)
with app.app_context():
    cache.set_many({"a": 1, "b": 2})
    good = cache.get_many("a", "b", "c") == [1, 2, None] and cache.delete_many("a", "b")
    cache.clear()
    step("many and clear", good and client.get("/").data == b"hello" and calls.count("page") == 2)
raw = RedisCache(redis.Redis.from_url(os.environ["REDIS_URL"]), key_prefix="lib:")
step("cachelib", raw.set("x", {"y": 1}, 10) and raw.get("x") == {"y": 1} and raw.add("x", 2) is False
     and raw.inc("n") == 1 and raw.dec("n") == 0 and raw.has("x") and raw.clear() and raw.get("x") is None)
