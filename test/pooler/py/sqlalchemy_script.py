"""S2-26: SQLAlchemy Core with psycopg2, as the Butler of the Rubin Observatory uses it."""
import io
import os

import sqlalchemy as sa
from sqlalchemy import Column, Integer, MetaData, String, Table, func, select, text

engine = sa.create_engine(os.environ["DATABASE_URL"].replace("postgres://", "postgresql+psycopg2://"),
                          pool_pre_ping=True, pool_recycle=300, pool_size=3, future=True)
meta = MetaData()
dataset = Table("sa_dataset", meta, Column("id", Integer, primary_key=True), Column("name", String), Column("n", Integer))
with engine.begin() as c:
    c.execute(text("DROP TABLE IF EXISTS sa_dataset"))
    meta.create_all(c)
    c.execute(dataset.insert(), [{"id": i, "name": f"d{i}", "n": i % 7} for i in range(5000)])
with engine.connect() as c:
    print("count", c.execute(select(func.count()).select_from(dataset)).scalar())
    print("groups", c.execute(select(dataset.c.n, func.count()).group_by(dataset.c.n).order_by(dataset.c.n)).all())
    c.rollback()

# Server-side cursors.
with engine.connect().execution_options(stream_results=True, max_row_buffer=100) as c:
    print("streamed", sum(r.id for r in c.execute(select(dataset.c.id))))

# Temporary tables, with inserts and joins in several transactions of one connection.
with engine.connect() as c:
    temp = Table("sa_temp", MetaData(), Column("id", Integer), prefixes=["TEMPORARY"])
    temp.create(c)
    c.commit()
    c.execute(temp.insert(), [{"id": i} for i in range(0, 5000, 10)])
    c.commit()
    print("joined", c.execute(select(func.count()).select_from(dataset.join(temp, dataset.c.id == temp.c.id))).scalar())
    c.commit()
    temp.drop(c)
    c.commit()

# SET, isolation levels, read-only transactions.
with engine.connect() as c:
    c.execute(text("SET lock_timeout = '3s'"))
    c.commit()
    print("set", c.execute(text("SHOW lock_timeout")).scalar())
    c.execute(text("SET TRANSACTION READ ONLY"))
    try:
        c.execute(dataset.insert(), {"id": -1})
    except sa.exc.InternalError as e:
        print("read only", e.orig.pgcode)
    c.rollback()
with engine.connect().execution_options(isolation_level="SERIALIZABLE") as c:
    print("isolation", c.execute(text("SHOW transaction_isolation")).scalar())
with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
    print("autocommit", c.execute(text("SELECT txid_current_if_assigned() IS NULL")).scalar())

# Savepoints.
with engine.begin() as c:
    try:
        with c.begin_nested():
            c.execute(dataset.insert(), {"id": 1, "name": "again", "n": 0})
    except sa.exc.IntegrityError as e:
        print("savepoint", e.orig.pgcode)
    with c.begin_nested():
        c.execute(dataset.insert(), {"id": 100000, "name": "nested", "n": 0})
    print("nested", c.execute(select(dataset.c.name).where(dataset.c.id == 100000)).scalar())

# Big parameter lists.
with engine.connect() as c:
    ids = list(range(0, 30000))
    print("in", c.execute(select(func.count()).where(dataset.c.id.in_(ids))).scalar())
    print("values", c.execute(select(func.sum(sa.values(sa.column("v", Integer), name="v").data([(i,) for i in range(8000)]).c.v))).scalar())

# COPY by the driver below.
with engine.connect() as c:
    cur = c.connection.cursor()
    cur.copy_expert("COPY sa_dataset FROM STDIN (FORMAT csv)", io.StringIO("".join(f"{i},copied,{i % 3}\n" for i in range(200000, 210000))))
    c.commit()
    out = io.StringIO()
    cur.copy_expert("COPY (SELECT * FROM sa_dataset WHERE name = 'copied' ORDER BY id LIMIT 2) TO STDOUT (FORMAT csv)", out)
    print("copy", out.getvalue().split())
    c.rollback()

# Reflection and concurrency.
print("columns", [c["name"] for c in sa.inspect(engine).get_columns("sa_dataset")])
with engine.begin() as c:
    c.execute(text("SELECT pg_advisory_xact_lock(7)"))
    with engine.connect() as d:
        print("lock", d.execute(text("SELECT pg_try_advisory_xact_lock(7)")).scalar())
engine.dispose()
