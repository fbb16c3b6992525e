# A stock Flask application: it knows nothing of what stands in front of it.
import os

from flask import Flask, Response, abort, redirect, request, session, url_for

app = Flask(__name__)
app.secret_key = "a key of the test"


@app.get("/")
def home():
    return f"<h1>journal</h1> worker {os.getpid()}"


@app.get("/page")
def page():
    return "page"


@app.route("/submit", methods=["GET", "POST"])
def submit():
    if request.method == "POST":
        session["title"] = request.form["title"]
        file = request.files.get("paper")
        session["size"] = len(file.read()) if file else 0
        return redirect(url_for("done"))
    return "<form>"


@app.get("/done")
def done():
    return f"{session['title']} {session['size']}"


@app.get("/who")
def who():
    return {
        "address": request.headers.get("X-Real-IP"),
        "forwarded": request.headers.get("X-Forwarded-For"),
        "proto": request.headers.get("X-Forwarded-Proto"),
        "host": request.host,
    }


@app.get("/stream")
def stream():
    return Response((f"{i}\n" for i in range(1000)), mimetype="text/plain")


@app.get("/download")
def download():
    if session.get("title") is None:
        abort(403)
    return "", 200, {"X-Accel-Redirect": "/protected/paper.pdf"}


@app.get("/error")
def error():
    raise RuntimeError("an error of the application")
