// The AWS SDK for JavaScript against the endpoint named in the environment. Prints a line for each step; any surprise
// ends the program with an exception.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import {
  S3Client, CreateBucketCommand, PutObjectCommand, GetObjectCommand, HeadObjectCommand, DeleteObjectCommand,
  ListObjectsV2Command, CopyObjectCommand, DeleteObjectsCommand, PutBucketCorsCommand, GetObjectTaggingCommand,
  UploadPartCommand, CreateMultipartUploadCommand, CompleteMultipartUploadCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";

const { ENDPOINT, ACCESS_KEY, SECRET_KEY, BUCKET } = process.env;
const client = new S3Client({
  endpoint: ENDPOINT, region: "holdfast", forcePathStyle: true,
  credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY },
});
const Bucket = BUCKET;
const send = (command) => client.send(command);

async function step(name, work) {
  await work();
  console.log("ok", name);
}

async function refusedAs(code, work) {
  await assert.rejects(work, (e) => e.name === code || e.Code === code || assert.fail(`${e.name}, want ${code}`));
}

await step("create bucket", () => send(new CreateBucketCommand({ Bucket })));

await step("put and get a buffer with metadata and tags", async () => {
  const Key = "ordner/äpfel & birnen+1.txt";
  const put = await send(new PutObjectCommand({
    Bucket, Key, Body: "hello", ContentType: "text/plain", Metadata: { color: "red" }, Tagging: "a=b",
  }));
  assert.equal(put.ETag, '"5d41402abc4b2a76b9719d911017c592"');
  assert.ok(put.ChecksumCRC32);
  const got = await send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
  assert.equal(await got.Body.transformToString(), "hello");
  assert.equal(got.Metadata.color, "red");
  assert.equal(got.ContentType, "text/plain");
  assert.equal(got.ChecksumCRC32, put.ChecksumCRC32);
  const tags = await send(new GetObjectTaggingCommand({ Bucket, Key }));
  assert.deepEqual(tags.TagSet, [{ Key: "a", Value: "b" }]);
  const part = await send(new GetObjectCommand({ Bucket, Key, Range: "bytes=1-3" }));
  assert.equal(await part.Body.transformToString(), "ell");
});

await step("put a stream: chunks, checksum in the trailer", async () => {
  const body = Readable.from([Buffer.alloc(100_000, "x"), Buffer.alloc(23_456, "y")]);
  await send(new PutObjectCommand({ Bucket, Key: "stream", Body: body, ContentLength: 123_456 }));
  const head = await send(new HeadObjectCommand({ Bucket, Key: "stream" }));
  assert.equal(head.ContentLength, 123_456);
});

await step("conditional writes", async () => {
  await send(new PutObjectCommand({ Bucket, Key: "once", Body: "1", IfNoneMatch: "*" }));
  await refusedAs("PreconditionFailed", () => send(new PutObjectCommand({ Bucket, Key: "once", Body: "2", IfNoneMatch: "*" })));
});

await step("lib-storage uploads in parts", async () => {
  const size = 12 * 1024 * 1024 + 1;
  const upload = new Upload({ client, params: { Bucket, Key: "large", Body: Readable.from(chunks(size)) }, partSize: 5 * 1024 * 1024 });
  const done = await upload.done();
  assert.match(done.ETag, /-3"$/);
  const head = await send(new HeadObjectCommand({ Bucket, Key: "large" }));
  assert.equal(head.ContentLength, size);
});

function* chunks(size) {
  for (let left = size; left > 0; left -= 65536) yield Buffer.alloc(Math.min(left, 65536), "z");
}

await step("checksummed parts", async () => {
  const { UploadId } = await send(new CreateMultipartUploadCommand({ Bucket, Key: "sums", ChecksumAlgorithm: "SHA256" }));
  const one = await send(new UploadPartCommand({ Bucket, Key: "sums", UploadId, PartNumber: 1, Body: "data", ChecksumAlgorithm: "SHA256" }));
  const done = await send(new CompleteMultipartUploadCommand({
    Bucket, Key: "sums", UploadId,
    MultipartUpload: { Parts: [{ PartNumber: 1, ETag: one.ETag, ChecksumSHA256: one.ChecksumSHA256 }] },
  }));
  assert.match(done.ChecksumSHA256, /-1$/);
});

await step("list with delimiter, copy, delete", async () => {
  const list = await send(new ListObjectsV2Command({ Bucket, Delimiter: "/" }));
  assert.deepEqual(list.CommonPrefixes.map((p) => p.Prefix), ["ordner/"]);
  assert.deepEqual(list.Contents.map((o) => o.Key), ["large", "once", "stream", "sums"]);
  await send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: encodeURI(`${Bucket}/ordner/äpfel & birnen`) + "%2B1.txt" }));
  const copy = await send(new GetObjectCommand({ Bucket, Key: "copy" }));
  assert.equal(await copy.Body.transformToString(), "hello");
  const gone = await send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "copy" }, { Key: "never" }] } }));
  assert.equal(gone.Deleted.length, 2);
  await send(new DeleteObjectCommand({ Bucket, Key: "once" }));
  await refusedAs("NoSuchKey", () => send(new GetObjectCommand({ Bucket, Key: "once" })));
});

await step("presigned PUT and GET", async () => {
  const url = await getSignedUrl(client, new PutObjectCommand({ Bucket, Key: "signed", ACL: "private" }), { expiresIn: 60 });
  const put = await fetch(url, { method: "PUT", body: "from a browser" });
  assert.equal(put.status, 200, await put.text());
  const get = await fetch(await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: "signed" }), { expiresIn: 60 }));
  assert.equal(await get.text(), "from a browser");
  const wrong = await fetch(url); // signed for PUT
  assert.equal(wrong.status, 403);
});

await step("POST form", async () => {
  const { url, fields } = await createPresignedPost(client, {
    Bucket, Key: "form/${filename}", Expires: 60, Conditions: [["content-length-range", 1, 100], ["starts-with", "$key", "form/"]],
  });
  const form = new FormData();
  for (const [k, v] of Object.entries(fields)) form.append(k, v);
  form.append("file", new Blob(["posted"]), "a.txt");
  const res = await fetch(url, { method: "POST", body: form });
  assert.equal(res.status, 204, await res.text());
  const got = await send(new GetObjectCommand({ Bucket, Key: "form/a.txt" }));
  assert.equal(await got.Body.transformToString(), "posted");
});

await step("preflight", async () => {
  await send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: [{ AllowedMethods: ["PUT"], AllowedOrigins: ["https://app.example"], AllowedHeaders: ["*"] }] } }));
  const ask = (origin) => fetch(`${ENDPOINT}/${Bucket}/signed`, { method: "OPTIONS", headers: { Origin: origin, "Access-Control-Request-Method": "PUT" } });
  assert.equal((await ask("https://app.example")).headers.get("access-control-allow-origin"), "https://app.example");
  assert.equal((await ask("https://evil.example")).status, 403);
});
