# A stock Flask application with Flask-Caching; the cache is where "holdfast env" says.
import os

from flask import Flask
from flask_caching import Cache

app = Flask(__name__)
cache = Cache(app, config={"CACHE_TYPE": "RedisCache", "CACHE_REDIS_URL": os.environ["REDIS_URL"], "CACHE_DEFAULT_TIMEOUT": 600})


@app.get("/who")
@cache.cached(timeout=300)
def who():
    return f"asked worker {os.getpid()}, time {os.times().elapsed}"


@cache.memoize(timeout=300)
def setting(name):
    return f"{name} of {os.times().elapsed}"


@app.get("/setting/<name>")
def show(name):
    return setting(name)


@app.post("/setting/<name>")
def change(name):
    cache.delete_memoized(setting, name)
    return "changed"


@app.get("/clear")
def clear():
    cache.clear()
    return "cleared"
