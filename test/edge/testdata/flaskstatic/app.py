# A Flask application that serves its static files itself, as most do at first.
import os

from flask import Flask

app = Flask(__name__, static_url_path="/own", static_folder=os.environ["STATIC"])
