"""A stock Django project: files in S3 through django-storages, rows in the database named in the environment."""

import os

SECRET_KEY = "only for a test"
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "app.urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "storages", "app"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MIDDLEWARE = []
USE_TZ = True

if os.environ.get("PGHOST"):
    DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"], "HOST": os.environ["PGHOST"], "USER": os.environ["PGUSER"]}}
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

DEFAULT_FILE_STORAGE = "storages.backends.s3boto3.S3Boto3Storage"
AWS_S3_ENDPOINT_URL = os.environ["ENDPOINT"]
AWS_STORAGE_BUCKET_NAME = os.environ["BUCKET"]
AWS_ACCESS_KEY_ID = os.environ["ACCESS_KEY"]
AWS_SECRET_ACCESS_KEY = os.environ["SECRET_KEY"]
AWS_S3_REGION_NAME = "holdfast"
AWS_S3_FILE_OVERWRITE = False
AWS_QUERYSTRING_EXPIRE = 60
