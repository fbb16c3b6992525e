"""A file in S3 and its row in PostgreSQL, with the driver named in the environment (psycopg2 or psycopg 3)."""

import importlib
import os

import boto3

driver = importlib.import_module(os.environ["DRIVER"])
s3 = boto3.client(
    "s3", endpoint_url=os.environ["ENDPOINT"], aws_access_key_id=os.environ["ACCESS_KEY"],
    aws_secret_access_key=os.environ["SECRET_KEY"], region_name="holdfast",
)
bucket = os.environ["BUCKET"]
s3.create_bucket(Bucket=bucket)

with driver.connect("") as db, db.cursor() as cursor:
    cursor.execute("CREATE TABLE submission (id serial PRIMARY KEY, file text NOT NULL, etag text NOT NULL)")
    etag = s3.put_object(Bucket=bucket, Key="submissions/1.pdf", Body=b"%PDF-1.4")["ETag"]
    cursor.execute("INSERT INTO submission (file, etag) VALUES (%s, %s)", ("submissions/1.pdf", etag))

with driver.connect("") as db, db.cursor() as cursor:
    cursor.execute("SELECT file, etag FROM submission")
    for file, etag in cursor.fetchall():
        got = s3.get_object(Bucket=bucket, Key=file, IfMatch=etag)
        assert got["Body"].read() == b"%PDF-1.4"

print("ok", driver.__name__)
