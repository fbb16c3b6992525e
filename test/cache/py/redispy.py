"""redis-py: strings, pipelines, locks, scans, subscriptions."""
import os
import time

import redis

r = redis.Redis.from_url(os.environ["REDIS_URL"])


def step(name, good):
    if not good:
        raise SystemExit("wrong: " + name)
    print("ok", name)


step("ping", r.ping())
r.set("a", b"\x00\xff\r\n", px=50)
step("bytes", r.get("a") == b"\x00\xff\r\n")
time.sleep(0.06)
step("expiry", r.get("a") is None and r.ttl("a") == -2)

with r.pipeline(transaction=True) as p:
    p.watch("n")
    p.multi()
    p.incr("n").expire("n", 100).hset("h", mapping={"x": 1, "y": 2}).sadd("s", 1, 2)
    step("pipeline", p.execute() == [1, True, 2, 2])
with r.pipeline() as p:
    p.watch("n")
    r.incr("n")
    p.multi()
    p.incr("n")
    try:
        p.execute()
        step("watch", False)
    except redis.WatchError:
        step("watch", True)

lock = r.lock("lock:x", timeout=5)
other = r.lock("lock:x", timeout=5, blocking_timeout=0.05)
good = lock.acquire() and not other.acquire()
lock.extend(5)
good = good and 9 < r.pttl("lock:x") / 1000 <= 10
lock.extend(7, replace_ttl=True)
good = good and 6 < r.pttl("lock:x") / 1000 <= 7
lock.reacquire()
good = good and 4 < r.pttl("lock:x") / 1000 <= 5
r.set("lock:x", "another's")
try:
    lock.release()
    good = False
except redis.exceptions.LockNotOwnedError:
    pass
r.delete("lock:x")
with other:
    good = good and r.exists("lock:x") == 1
step("lock", good and not r.exists("lock:x"))

r.mset({f"k:{i}": i for i in range(300)})
step("scan", len(set(r.scan_iter("k:*", count=17))) == 300)
p = r.pubsub()
p.subscribe("news")
p.psubscribe("n*")
seen = []
deadline = time.monotonic() + 10
sent = False
while time.monotonic() < deadline and len(seen) < 4:
    m = p.get_message(timeout=1)
    if m:
        seen.append(m["type"])
    if len(seen) == 2 and not sent:
        sent = r.publish("news", "hello") == 2
step("subscriptions", seen == ["subscribe", "psubscribe", "message", "pmessage"])
info = r.info()
step("info", info["redis_version"].startswith("7.") and r.dbsize() > 300)
