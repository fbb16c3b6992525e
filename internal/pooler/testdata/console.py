"""Talks to the console with psycopg2. Arguments: host, port, user, password, name of the application's database."""
import sys

import psycopg2

host, port, user, password, database = sys.argv[1:]
conn = psycopg2.connect(host=host, port=port, user=user, password=password, dbname="pgbouncer")
cur = conn.cursor()  # not autocommit: BEGIN goes before the first command


def rows(command):
    cur.execute(command)
    names = [c.name for c in cur.description]
    return [dict(zip(names, row)) for row in cur.fetchall()]


def ok(what, condition):
    if not condition:
        sys.exit("failed: " + what)
    print("ok", what)


ok("pools", any(r["database"] == database and r["sv_idle"] + r["sv_active"] >= 0 for r in rows("SHOW POOLS")))
ok("databases", [r["pool_size"] for r in rows("SHOW DATABASES") if r["name"] == database] == [5])
me = [r for r in rows("SHOW CLIENTS") if r["database"] == "pgbouncer"]
ok("clients", len(me) == 1 and me[0]["user"] == user and me[0]["port"] > 0 and me[0]["connect_time"] is not None)
ok("config", {r["key"]: r["value"] for r in rows("SHOW CONFIG")}["default_pool_size"] == "5")
ok("stats", [r["database"] for r in rows("SHOW STATS")] == [database])
conn.commit()
conn.autocommit = True
cur.execute("PAUSE " + database)
ok("pause", cur.statusmessage == "PAUSE")
ok("paused", [r["paused"] for r in rows("SHOW DATABASES") if r["name"] == database] == [1])
cur.execute("RESUME " + database)
ok("resume", cur.statusmessage == "RESUME")
try:
    cur.execute("KILL_CLIENT 2000000000")
    ok("error", False)
except psycopg2.Error as e:
    ok("error", e.pgcode == "42704" and e.diag.message_hint == "SHOW CLIENTS has their ids")
conn.close()
