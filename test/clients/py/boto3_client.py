"""boto3 against the endpoint named in the environment: every step that a Python application takes."""

import io
import os
import urllib.error
import urllib.request
import uuid

import boto3
from botocore.client import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ["ENDPOINT"]
BUCKET = os.environ["BUCKET"]


def client(**config):
    return boto3.client(
        "s3",
        endpoint_url=ENDPOINT,
        aws_access_key_id=os.environ["ACCESS_KEY"],
        aws_secret_access_key=os.environ["SECRET_KEY"],
        region_name="holdfast",
        config=Config(**config) if config else None,
    )


def refused(code, work, *args, **kwargs):
    try:
        work(*args, **kwargs)
    except ClientError as e:
        assert e.response["Error"]["Code"] == code, e
    else:
        raise AssertionError("nothing was refused, want " + code)


def status(method, url, body=None, headers=None):
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request) as r:
            return r.status, r.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def post_form(url, fields, name, content):
    mark = uuid.uuid4().hex
    out = io.BytesIO()
    for key, value in fields.items():
        out.write(f'--{mark}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode())
    out.write(f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode())
    out.write(content + f"\r\n--{mark}--\r\n".encode())
    return status("POST", url, out.getvalue(), {"Content-Type": "multipart/form-data; boundary=" + mark})


def objects(s3):
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "holdfast"})
    assert BUCKET in [b["Name"] for b in s3.list_buckets()["Buckets"]]
    s3.put_object(Bucket=BUCKET, Key="a/b.txt", Body=b"hello", Metadata={"color": "red"}, ContentType="text/plain")
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"a and a/b are two objects")
    got = s3.get_object(Bucket=BUCKET, Key="a/b.txt")
    assert got["Body"].read() == b"hello" and got["Metadata"] == {"color": "red"}
    assert s3.get_object(Bucket=BUCKET, Key="a/b.txt", Range="bytes=-2")["Body"].read() == b"lo"
    refused("304", s3.head_object, Bucket=BUCKET, Key="a/b.txt", IfNoneMatch=got["ETag"])
    refused("NoSuchKey", s3.get_object, Bucket=BUCKET, Key="none")
    refused("404", s3.head_object, Bucket=BUCKET, Key="none")
    refused("NoSuchBucket", s3.list_objects, Bucket="absent-bucket")
    refused("BucketNotEmpty", s3.delete_bucket, Bucket=BUCKET)


def listing(s3):
    for i in range(25):
        s3.put_object(Bucket=BUCKET, Key=f"many/{i:03}", Body=b"x")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="many/", PaginationConfig={"PageSize": 10})
    keys = [o["Key"] for page in pages for o in page["Contents"]]
    assert keys == [f"many/{i:03}" for i in range(25)], keys
    old = s3.get_paginator("list_objects").paginate(Bucket=BUCKET, Delimiter="/", PaginationConfig={"PageSize": 1})
    seen = [p["Prefix"] for page in old for p in page.get("CommonPrefixes", [])]
    assert seen == ["a/", "many/"], seen
    done = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": k} for k in keys], "Quiet": True})
    assert "Deleted" not in done and "Errors" not in done


def transfer(s3):
    data = os.urandom(12 << 20)
    s3.upload_fileobj(io.BytesIO(data), BUCKET, "large")
    out = io.BytesIO()
    s3.download_fileobj(BUCKET, "large", out)
    assert out.getvalue() == data
    s3.copy({"Bucket": BUCKET, "Key": "large"}, BUCKET, "copy of large")
    assert s3.head_object(Bucket=BUCKET, Key="copy of large")["ContentLength"] == len(data)
    attributes = s3.get_object_attributes(Bucket=BUCKET, Key="large", ObjectAttributes=["ObjectSize", "ETag"])
    assert attributes["ObjectSize"] == len(data)


def settings(s3):
    s3.put_object_tagging(Bucket=BUCKET, Key="a", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    assert s3.get_object_tagging(Bucket=BUCKET, Key="a")["TagSet"] == [{"Key": "k", "Value": "v"}]
    s3.put_object_acl(Bucket=BUCKET, Key="a", ACL="public-read")
    assert len(s3.get_object_acl(Bucket=BUCKET, Key="a")["Grants"]) == 2
    refused("NoSuchBucketPolicy", s3.get_bucket_policy, Bucket=BUCKET)
    refused("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration, Bucket=BUCKET)
    refused("NotImplemented", s3.put_bucket_policy, Bucket=BUCKET, Policy="{}")
    refused("NotImplemented", s3.put_object, Bucket=BUCKET, Key="sse", Body=b"x", ServerSideEncryption="AES256")
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]})
    assert s3.get_bucket_cors(Bucket=BUCKET)["CORSRules"][0]["AllowedOrigins"] == ["*"]


def versions(s3):
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=BUCKET, Key="v", Body=b"1")["VersionId"]
    s3.put_object(Bucket=BUCKET, Key="v", Body=b"2")
    marker = s3.delete_object(Bucket=BUCKET, Key="v")
    assert marker["DeleteMarker"]
    refused("NoSuchKey", s3.get_object, Bucket=BUCKET, Key="v")
    assert s3.get_object(Bucket=BUCKET, Key="v", VersionId=first)["Body"].read() == b"1"
    s3.delete_object(Bucket=BUCKET, Key="v", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=BUCKET, Key="v")["Body"].read() == b"2"
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})


def links(s3):
    url = s3.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "signed"}, ExpiresIn=60)
    assert status("PUT", url, b"by link")[0] == 200
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "signed"}, ExpiresIn=60)
    assert status("GET", url) == (200, b"by link")
    assert status("GET", url.replace("/signed", "/a"))[0] == 403
    assert status("DELETE", url)[0] == 403
    assert status("GET", f"{ENDPOINT}/{BUCKET}/signed")[0] == 403
    form = s3.generate_presigned_post(BUCKET, "form/${filename}", Conditions=[["content-length-range", 1, 10]], ExpiresIn=60)
    assert post_form(form["url"], form["fields"], "a.txt", b"posted")[0] == 204
    assert s3.get_object(Bucket=BUCKET, Key="form/a.txt")["Body"].read() == b"posted"
    assert post_form(form["url"], form["fields"], "b.txt", b"much too long")[0] == 400
    refused("404", s3.head_object, Bucket=BUCKET, Key="form/b.txt")


def clean(s3):
    for version in s3.list_object_versions(Bucket=BUCKET).get("Versions", []):
        s3.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])
    s3.delete_bucket(Bucket=BUCKET)


for config in ({}, {"signature_version": "s3v4", "s3": {"addressing_style": "path"}}):
    s3 = client(**config)
    for step in (objects, listing, transfer, settings, links, versions, clean):
        step(s3)
        print("ok", step.__name__, config)
