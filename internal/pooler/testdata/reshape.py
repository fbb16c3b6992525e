"""psycopg 3, which prepares every statement, while a table is changed under it."""
import sys

import psycopg

URL = sys.argv[1]
STAR = "SELECT * FROM reshaped"


def connect():
    return psycopg.connect(URL, prepare_threshold=0, autocommit=True)


def check(what, rows, columns):
    assert [len(row) for row in rows] == [columns], (what, columns, rows)
    print("ok", what)


columns = 1
old, admin = connect(), connect()
check("before", old.execute(STAR).fetchall(), columns)
for binary in (False, True):
    columns += 1
    admin.execute(f"ALTER TABLE reshaped ADD c{columns} int DEFAULT 5")
    check("a statement that was prepared before", old.execute(STAR, binary=binary).fetchall(), columns)
    with connect() as fresh:
        check("a connection that is new", fresh.execute(STAR, binary=binary).fetchall(), columns)

columns += 1
admin.execute(f"ALTER TABLE reshaped ADD c{columns} int DEFAULT 5")
with connect() as fresh, fresh.transaction():
    fresh.execute("SELECT 1")
    check("a transaction", fresh.execute(STAR).fetchall(), columns)

columns += 1
admin.execute(f"ALTER TABLE reshaped ADD c{columns} int DEFAULT 5")
with connect() as fresh, fresh.pipeline():
    one, two = fresh.execute("SELECT 1"), fresh.execute(STAR)
    check("a pipeline", two.fetchall(), columns)

columns += 1
with connect() as fresh, fresh.transaction(force_rollback=True):
    fresh.execute(f"ALTER TABLE reshaped ADD c{columns} int DEFAULT 5")
    fresh.execute(STAR)
check("after a change that was undone", old.execute(STAR).fetchall(), columns - 1)
