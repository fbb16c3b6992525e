"""The calls that Django's own RedisCache makes from version 4.0 on, through redis-py: Debian's Django is older and has no such backend."""
import os
import pickle
import time

import redis

pool = redis.ConnectionPool.from_url(os.environ["REDIS_URL"])


def client():
    return redis.Redis(connection_pool=pool)


def dumps(value):
    return value if type(value) is int else pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def loads(data):
    try:
        return int(data)
    except ValueError:
        return pickle.loads(data)


def get(key):
    data = client().get(key)
    return None if data is None else loads(data)


def step(name, good):
    if not good:
        raise SystemExit("wrong: " + name)
    print("ok", name)


value = {"title": "Über", "list": [1, 2.5, None], "bytes": b"\x00\xff\r\n"}
client().set(":1:page", dumps(value), ex=300)
step("set and get", get(":1:page") == value and 298 <= client().ttl(":1:page") <= 300)
step("for ever", client().set(":1:n", dumps(7), ex=None) and get(":1:n") == 7 and client().ttl(":1:n") == -1)
step("add", client().set(":1:n", dumps(8), ex=60, nx=True) is None and client().set(":1:new", dumps(8), ex=60, nx=True) is True)
step("add for no time", client().set(":1:brief", dumps(1), nx=True) is True and client().delete(":1:brief") == 1)
step("touch", bool(client().expire(":1:n", 100)) and bool(client().persist(":1:n")) and not client().expire(":1:none", 10))
step("has", bool(client().exists(":1:n")) and not client().exists(":1:none"))
step("incr", client().incr(":1:n", 5) == 12 and client().incr(":1:n", -2) == 10 and get(":1:n") == 10)
pipeline = client().pipeline()
pipeline.mset({f":1:m{i}": dumps({"i": i}) for i in range(30)})
for i in range(30):
    pipeline.expire(f":1:m{i}", 1 if i else 60)
pipeline.execute()
found = client().mget([f":1:m{i}" for i in range(31)])
step("many", [loads(x)["i"] for x in found[:30]] == list(range(30)) and found[30] is None)
time.sleep(1.1)
step("their times", get(":1:m0") == {"i": 0} and get(":1:m1") is None)
step("delete many", client().delete(*[":1:m0", ":1:m1"]) == 1 and bool(client().delete(":1:new")) and not client().delete(":1:new"))
step("clear", bool(client().flushdb()) and get(":1:page") is None)
