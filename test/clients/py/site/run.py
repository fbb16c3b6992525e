"""Uses the project as its views would: upload through a model, read back, link, list, delete."""

import os
import sys
import urllib.error
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"

import django  # noqa: E402

django.setup()

import boto3  # noqa: E402
from app.models import Document  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.files.base import ContentFile  # noqa: E402
from django.core.files.storage import default_storage  # noqa: E402
from django.db import connection  # noqa: E402

boto3.client(
    "s3", endpoint_url=settings.AWS_S3_ENDPOINT_URL, aws_access_key_id=settings.AWS_ACCESS_KEY_ID,
    aws_secret_access_key=settings.AWS_SECRET_ACCESS_KEY, region_name=settings.AWS_S3_REGION_NAME,
).create_bucket(Bucket=settings.AWS_STORAGE_BUCKET_NAME)

with connection.schema_editor() as editor:
    editor.create_model(Document)


def fetch(url):
    try:
        with urllib.request.urlopen(url) as r:
            return r.status, r.read()
    except urllib.error.HTTPError as e:
        return e.code, b""


document = Document.objects.create(title="thesis")
document.file.save("thesis.txt", ContentFile(b"first words"))
again = Document.objects.get(title="thesis")
assert again.file.size == 11 and again.file.read() == b"first words"
assert default_storage.exists(again.file.name)
assert default_storage.get_modified_time(again.file.name)

other = Document.objects.create(title="namesake")
other.file.save("thesis.txt", ContentFile(b"other words"))
assert other.file.name != again.file.name

url = again.file.url
assert fetch(url) == (200, b"first words"), url
assert fetch(url.split("?")[0])[0] == 403
assert fetch(url.replace("thesis", "thesit", 1))[0] == 403

with default_storage.open("big.bin", "wb") as f:  # a multipart upload
    for _ in range(12):
        f.write(os.urandom(1 << 20))
assert default_storage.size("big.bin") == 12 << 20
folders, files = default_storage.listdir("")
assert folders == ["documents"] and files == ["big.bin"], (folders, files)

again.file.delete()
assert not default_storage.exists(Document.objects.get(title="namesake").file.name + "x")
assert fetch(url)[0] in (403, 404)
print("ok", connection.vendor)
