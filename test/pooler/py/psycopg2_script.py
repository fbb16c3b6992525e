"""What psycopg2 can do, printed in a way that is the same each time."""
import io
import os
import select

import psycopg2
import psycopg2.errors
import psycopg2.extras

dsn = os.environ["DATABASE_URL"]


def connect(**more):
    return psycopg2.connect(dsn, **more)


conn = connect(application_name="script", options="-c work_mem=7MB -c my.tenant=a\\ b")
cur = conn.cursor()
print("parameters", conn.get_parameter_status("server_encoding"), conn.get_parameter_status("DateStyle"),
      conn.get_parameter_status("application_name"), conn.encoding)
cur.execute("SHOW work_mem; ")
print("options", cur.fetchone())
cur.execute("SELECT current_setting('my.tenant')")
print("tenant", cur.fetchone())
cur.execute("DROP TABLE IF EXISTS p2; CREATE TABLE p2 (id serial PRIMARY KEY, w text, n numeric, b bytea, j jsonb, a int[])")
cur.execute("INSERT INTO p2 (w, n, b, j, a) VALUES (%s, %s, %s, %s, %s) RETURNING id",
            ("wörd", 1.5, psycopg2.Binary(bytes(range(256))), psycopg2.extras.Json({"k": [1, 2]}), [1, 2, 3]))
print("insert", cur.fetchone(), cur.statusmessage)
conn.commit()
cur.execute("SELECT w, n, b, j, a FROM p2")
row = cur.fetchone()
print("row", row[0], row[1], bytes(row[2]) == bytes(range(256)), row[3], row[4])
psycopg2.extras.execute_values(cur, "INSERT INTO p2 (w, n) VALUES %s", [(f"w{i}", i) for i in range(3000)], page_size=1000)
print("values", cur.rowcount)
cur.execute("SELECT count(*), sum(n) FROM p2")
print("count", cur.fetchone())
conn.rollback()
cur.execute("SELECT count(*) FROM p2")
print("after rollback", cur.fetchone())

# Errors, and savepoints around them.
cur.execute("SAVEPOINT s")
try:
    cur.execute("SELECT 1/0")
except psycopg2.errors.DivisionByZero as e:
    print("error", e.pgcode, conn.get_transaction_status())
try:
    cur.execute("SELECT 1")
except psycopg2.errors.InFailedSqlTransaction as e:
    print("failed", e.pgcode)
cur.execute("ROLLBACK TO s")
cur.execute("SELECT 'alive'")
print(cur.fetchone())
conn.commit()

# Server-side cursors, plain and WITH HOLD.
named = conn.cursor("serverside")
named.itersize = 100
named.execute("SELECT generate_series(1, 1000)")
print("server-side", sum(r[0] for r in named))
named.close()
held = conn.cursor("held", withhold=True)
held.execute("SELECT generate_series(1, 10)")
conn.commit()
print("held", held.fetchmany(3), held.fetchall()[-1])
held.close()
conn.commit()

# COPY both ways, with an error between.
cur.execute("CREATE TEMP TABLE tt (n int, w text)")
cur.copy_from(io.StringIO("".join(f"{i}\tword {i}\n" for i in range(5000))), "tt")
out = io.StringIO()
cur.copy_expert("COPY (SELECT n FROM tt ORDER BY n DESC LIMIT 3) TO STDOUT", out)
print("copy", cur.rowcount, out.getvalue().split())
conn.commit()
try:
    cur.copy_from(io.StringIO("1\tx\nnot a number\ty\n"), "tt")
except psycopg2.errors.InvalidTextRepresentation as e:
    print("copy error", e.pgcode)
conn.rollback()
cur.execute("SELECT count(*) FROM tt")
print("temporary table", cur.fetchone())
conn.commit()

# SET, inside and outside of transactions.
cur.execute("SET search_path = pg_catalog")
conn.commit()
cur.execute("SHOW search_path")
print("set", cur.fetchone())
cur.execute("SET search_path = public")
conn.rollback()
cur.execute("SHOW search_path")
print("rolled back", cur.fetchone())
conn.commit()
conn.set_client_encoding("LATIN1")
cur.execute("SELECT 'ä', length('ä')")
print("latin", cur.fetchone())
conn.set_client_encoding("UTF8")
conn.set_session(isolation_level="SERIALIZABLE", readonly=True)
cur.execute("SHOW transaction_isolation")
print("isolation", cur.fetchone())
try:
    cur.execute("CREATE TABLE never (n int)")
except psycopg2.errors.ReadOnlySqlTransaction as e:
    print("read only", e.pgcode)
conn.rollback()
conn.set_session(isolation_level="DEFAULT", readonly=False)

# LISTEN and NOTIFY, notices, large objects (function calls), two-phase commit without it.
conn.autocommit = True
cur.execute("LISTEN news")
other = connect()
other.autocommit = True
other.cursor().execute("NOTIFY news, 'hello'")
while not conn.notifies:
    if not select.select([conn], [], [], 20)[0]:
        break
    conn.poll()
print("notified", [(n.channel, n.payload) for n in conn.notifies])
cur.execute("UNLISTEN *")
cur.execute("DO $$ BEGIN RAISE NOTICE 'noticed %', 1; END $$")
print("notice", conn.notices[-1].strip())
conn.autocommit = False
lob = conn.lobject(0, "wb")
lob.write(b"large " * 100000)
oid = lob.oid
lob.close()
conn.commit()
lob = conn.lobject(oid, "rb")
lob.seek(6)
print("large object", lob.read(5), lob.seek(0, 2))
lob.unlink()
conn.commit()

# Asynchronous use and cancel.
import threading
timer = threading.Timer(0.3, conn.cancel)
timer.start()
try:
    cur.execute("SELECT pg_sleep(30)")
except psycopg2.errors.QueryCanceled as e:
    print("cancelled", e.pgcode)
timer.join()
conn.rollback()
cur.execute("SELECT 'end'")
print(cur.fetchone())
conn.close()
