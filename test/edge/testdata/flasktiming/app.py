# A Flask application with a database: three lines tell how long a request was in it.
import os
import time

import holdfast_timing
import psycopg2
from flask import Flask

app = Flask(__name__)
app.wsgi_app = holdfast_timing.WSGI(app.wsgi_app)


@app.get("/flask/<int:year>")
def statistics(year):
    time.sleep(0.2)  # in the application
    connection = psycopg2.connect(os.environ["DATABASE_URL"], connection_factory=holdfast_timing.Connection)
    with connection, connection.cursor() as c:
        c.execute("SELECT pg_sleep(0.3)")
    connection.close()
    return f"statistics of {year}"


@app.get("/flask/quick")
def quick():
    return "quick"
