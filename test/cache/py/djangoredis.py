"""Django with django-redis, as its documentation sets it up."""
import os
import time

from django.conf import settings

settings.configure(CACHES={"default": {
    "BACKEND": "django_redis.cache.RedisCache",
    "LOCATION": os.environ["REDIS_URL"],
    "OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient"},
    "KEY_PREFIX": "site",
}})

from django.core.cache import cache  # noqa: E402


def step(name, good):
    if not good:
        raise SystemExit("wrong: " + name)
    print("ok", name)


cache.set("a", {"x": [1, 2]}, 60)
step("get", cache.get("a") == {"x": [1, 2]} and cache.get("none", "d") == "d")
step("add", cache.add("b", 1) and not cache.add("b", 2) and cache.get("b") == 1)
step("incr", cache.incr("b", 5) == 6 and cache.decr("b") == 5)
try:
    cache.incr("none")
    step("incr of nothing", False)
except ValueError:
    step("incr of nothing", True)
cache.set_many({f"m{i}": i for i in range(50)}, 60)
step("many", cache.get_many([f"m{i}" for i in range(50)])["m49"] == 49 and len(list(cache.iter_keys("m*"))) == 50)
cache.set("short", 1, 0.1)
step("touch", cache.touch("a", 100) and 98 <= cache.ttl("a") <= 100 and cache.persist("a") and cache.ttl("a") is None)
time.sleep(0.15)
step("expiry", cache.get("short") is None and not cache.has_key("short"))
with cache.lock("job", timeout=5):
    step("lock", cache.delete_pattern("m*") == 50)
cache.delete_many(["a", "b"])
cache.clear()
step("clear", cache.get("a") is None and cache.keys("*") == [])
