"""What psycopg 3 can do, printed in a way that is the same each time."""
import os

import psycopg
from psycopg import errors

dsn = os.environ["DATABASE_URL"]

for threshold in (5, 0, None):
    with psycopg.connect(dsn, prepare_threshold=threshold, autocommit=True) as conn:
        print("threshold", threshold)
        for i in range(12):
            row = conn.execute("SELECT %s::int * 2, %s::text", (i, f"t{i}")).fetchone()
            assert row == (i * 2, f"t{i}"), row
        conn.execute("DROP TABLE IF EXISTS p3")
        conn.execute("CREATE TABLE p3 (id int PRIMARY KEY, w text)")
        with conn.transaction():
            conn.cursor().executemany("INSERT INTO p3 VALUES (%s, %s)", [(i, f"w{i}") for i in range(500)])
        print("rows", conn.execute("SELECT count(*) FROM p3").fetchone())
        try:
            with conn.transaction():
                conn.execute("INSERT INTO p3 VALUES (1, 'again')")
        except errors.UniqueViolation as e:
            print("error", e.sqlstate)
        with conn.transaction():
            try:
                with conn.transaction():
                    conn.execute("SELECT 1/0")
            except errors.DivisionByZero as e:
                print("savepoint", e.sqlstate)
            print("after it", conn.execute("SELECT max(id) FROM p3").fetchone())

        # The statement's result changes. PostgreSQL says so, and the driver goes on; in transaction mode nothing is to be said.
        for i in range(7):
            conn.execute("SELECT * FROM p3 WHERE id = %s", (i,)).fetchone()
        conn.execute("ALTER TABLE p3 ADD COLUMN x int DEFAULT 5")
        try:
            print("altered", conn.execute("SELECT * FROM p3 WHERE id = %s", (3,)).fetchone())
        except errors.FeatureNotSupported as e:
            print("altered", conn.execute("SELECT * FROM p3 WHERE id = %s", (3,), prepare=False).fetchone())

        with conn.pipeline() as pipe:
            cursors = [conn.execute("SELECT %s::int", (i,)) for i in range(200)]
            pipe.sync()
            print("pipeline", sum(c.fetchone()[0] for c in cursors))
        try:
            with conn.pipeline() as pipe:
                good = conn.execute("SELECT %s::int", (1,))
                bad = conn.execute("SELECT 1/%s::int", (0,))
                skipped = conn.execute("SELECT %s::int", (2,))
                pipe.sync()
                after = conn.execute("SELECT %s::int", (3,))
                print("never", bad.fetchone())
        except psycopg.Error as e:
            print("pipeline error", e.sqlstate)
        print("after it", conn.execute("SELECT 'alive'").fetchone())

        with conn.cursor() as cur:
            with cur.copy("COPY p3 (id, w) FROM STDIN") as copy:
                for i in range(1000, 3000):
                    copy.write_row((i, "copied"))
            with cur.copy("COPY (SELECT id FROM p3 ORDER BY id DESC LIMIT 5) TO STDOUT (FORMAT BINARY)") as copy:
                copy.set_types(["int4"])
                print("copy", [r[0] for r in copy.rows()])
        try:
            with conn.cursor() as cur, cur.copy("COPY p3 (id, w) FROM STDIN") as copy:
                copy.write_row((9000, "x"))
                raise RuntimeError("changed my mind")
        except (RuntimeError, errors.QueryCanceled) as e:
            print("copy given up:", type(e).__name__)
        print("after it", conn.execute("SELECT count(*) FROM p3").fetchone())

        with conn.transaction(), conn.cursor("named") as cur:
            cur.execute("SELECT id FROM p3 ORDER BY id")
            print("server-side", cur.fetchmany(3), cur.fetchone())
            cur.scroll(10)
            print("scrolled", cur.fetchone())
        rows = list(conn.cursor().stream("SELECT generate_series(1, %s)", (300,)))
        print("single row mode", len(rows))
        heard = []
        conn.add_notify_handler(lambda n: heard.append(n.payload))
        conn.execute("SELECT pg_notify('c3', 'too early')")
        conn.execute("LISTEN c3")
        conn.execute("SELECT pg_notify('c3', %s)", ("payload",))
        conn.execute("SELECT 1")
        print("notify", heard)
        conn.execute("UNLISTEN *")
        print("binary", conn.execute("SELECT %b::bytea", (bytes(range(256)),), binary=True).fetchone()[0] == bytes(range(256)))
        print("many parameters", conn.execute("SELECT " + "+".join(["%s::int"] * 2000), list(range(2000))).fetchone())
        print("status", conn.info.transaction_status.name, conn.info.parameter_status("TimeZone") == conn.execute("SHOW TimeZone").fetchone()[0])

# Two-phase commit and the parameters that change while a connection lives.
with psycopg.connect(dsn, autocommit=True) as conn:
    conn.execute("SET TimeZone = 'Asia/Tokyo'")
    print("zone", conn.info.timezone, conn.execute("SELECT '2024-01-01 00:00+00'::timestamptz").fetchone()[0].isoformat())
    try:
        conn.tpc_begin("x")
        conn.execute("SELECT 1")
        conn.tpc_prepare()
    except psycopg.Error as e:
        print("two phases", e.sqlstate)
