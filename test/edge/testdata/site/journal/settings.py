"""A stock Django project. What it knows of its surroundings stands in the variables that "holdfast env" prints."""
import os
from urllib.parse import unquote, urlsplit

database = urlsplit(os.environ.get("DATABASE_URL", ""))

SECRET_KEY = "only for a test"
DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "journal.urls"
INSTALLED_APPS = [
    "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages", "django.contrib.staticfiles", "storages", "journal",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
if "MEASURED" in os.environ:
    MIDDLEWARE.insert(0, "holdfast_timing.DatabaseTime")
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": ["django.template.context_processors.request", "django.contrib.messages.context_processors.messages"]},
}]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "NAME": database.path.lstrip("/"), "USER": unquote(database.username or ""),
    "PASSWORD": unquote(database.password or ""), "HOST": database.hostname, "PORT": database.port, "CONN_MAX_AGE": 60,
}}

CACHES = {"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": os.environ.get("REDIS_URL")}}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"

STATIC_URL = "/static/"
STATICFILES_DIRS = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "assets")]
STATIC_ROOT = os.environ["STATIC_ROOT"]
STATICFILES_STORAGE = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"

DEFAULT_FILE_STORAGE = "storages.backends.s3boto3.S3Boto3Storage"  # reads AWS_* and AWS_S3_ENDPOINT_URL
AWS_S3_ENDPOINT_URL = os.environ.get("AWS_S3_ENDPOINT_URL")
AWS_S3_REGION_NAME = os.environ.get("AWS_REGION")
AWS_STORAGE_BUCKET_NAME = "papers"
