"""Talks to the console with psycopg2 and psycopg 3. Arguments: host, port, user."""
import sys

import psycopg
import psycopg2
from psycopg.rows import dict_row

host, port, user = sys.argv[1:]
dsn = f"host={host} port={port} user={user} dbname=pgbouncer"


def ok(what, condition):
    if not condition:
        sys.exit("failed: " + what)
    print("ok", what)


def old():
    conn = psycopg2.connect(dsn)
    cur = conn.cursor()  # not autocommit: BEGIN goes before the first command
    cur.execute("SHOW POOLS")
    rows = cur.fetchall()
    ok("psycopg2 rows", rows[0][:4] == ("app", "u", 3, 0) and len(rows) == 2)
    ok("psycopg2 status", conn.get_transaction_status() == psycopg2.extensions.TRANSACTION_STATUS_INTRANS)
    conn.commit()
    cur.execute("SHOW STATS")
    ok("psycopg2 numeric", int(cur.fetchall()[0][3]) == 123456789012)
    conn.rollback()
    try:
        cur.execute("NONSENSE")
        ok("psycopg2 error", False)
    except psycopg2.Error as e:
        ok("psycopg2 error", e.pgcode == "42601" and e.diag.message_hint and e.diag.statement_position == "1")
    conn.rollback()
    conn.autocommit = True
    cur.execute("SHOW %s" % "LISTS")
    ok("psycopg2 autocommit", len(cur.fetchall()) == 14)
    cur.execute("SHOW HELP")
    ok("psycopg2 notice", "SHOW HELP" in conn.notices[-1] and cur.statusmessage == "SHOW")
    conn.close()


def new():
    with psycopg.connect(dsn, row_factory=dict_row) as conn:
        row = conn.execute("SHOW POOLS").fetchone()
        ok("psycopg3 simple", row["database"] == "app" and row["maxwait_us"] == 500000 and row["load_balance_hosts"] is None)
        ok("psycopg3 status", conn.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS)
        row = conn.execute("SHOW DATABASES", binary=True).fetchone()
        ok("psycopg3 binary", row["pool_size"] == 20 and row["name"] == "app")
        row = conn.execute("SHOW STATS", binary=True).fetchone()
        ok("psycopg3 binary numeric", int(row["total_query_count"]) == 123456789012 and int(row["total_sent"]) == 0)
        for _ in range(7):  # prepared from the fifth on
            conn.execute("SHOW USERS", prepare=True).fetchall()
        ok("psycopg3 prepared", True)
    with psycopg.connect(dsn, autocommit=True) as conn:
        ok("psycopg3 status idle", conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE)
        conn.execute("SET pool_mode = %s", ["transaction"])
        ok("psycopg3 parameter", True)
        try:
            conn.execute("SHOW NOTHING", prepare=True)
            ok("psycopg3 error", False)
        except psycopg.errors.UndefinedObject as e:
            ok("psycopg3 error", e.diag.message_hint)
        ok("psycopg3 goes on", conn.execute("SELECT 1").fetchone() == (1,))
        with conn.pipeline():
            a, b = conn.execute("SHOW STATE"), conn.execute("SHOW LISTS")
            ok("psycopg3 pipeline", len(a.fetchall()) == 3 and len(b.fetchall()) == 14)
        with psycopg.ClientCursor(conn) as cur:
            cur.execute("SHOW VERSION")
            ok("psycopg3 client side", cur.fetchone()[0].startswith("PgBouncer "))


old()
new()
