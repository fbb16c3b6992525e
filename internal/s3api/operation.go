package s3api

import (
	"net/http"
	"slices"

	"holdfast/internal/objects"
)

// level says what an operation is about.
type level uint8

const (
	service level = iota // no bucket: "/"
	bucket               // "/bucket" or bucket.host
	object               // "/bucket/key" or bucket.host/key
)

// The rights that no policy statement names.
const (
	rightSelf   objects.Action = "self"   // the handler asks for each object itself
	rightMember objects.Action = "member" // any statement of the key's policy names the bucket
	rightSigned objects.Action = "signed" // any valid access key
	rightNone   objects.Action = "none"   // nobody is asked: browsers send preflights without proof
)

// operation is one row of the table of what the endpoint does.
type operation struct {
	Name   string // as S3 calls it
	Method string
	Level  level
	Sub    string // the query parameter that selects it; "" for the plain one
	Source bool   // selected by the header x-amz-copy-source
	Right  objects.Action
	Params []string // further query parameters that it understands
	Serve  func(*call) error
}

// operations is the table. Whatever is not in it is answered with NotImplemented or MethodNotAllowed, never taken for
// something else: a PUT of ?policy must not become an object.
func operations() []operation {
	const get, head, put, post, del, opt = http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodOptions
	const read, list, write, remove, admin = objects.ActionRead, objects.ActionList, objects.ActionWrite, objects.ActionDelete, objects.ActionAdmin
	version := []string{"versionId"}
	return []operation{
		{Name: "ListBuckets", Method: get, Level: service, Right: rightSigned, Params: []string{"prefix", "max-buckets", "continuation-token", "bucket-region"}, Serve: listBuckets},

		{Name: "CreateBucket", Method: put, Level: bucket, Right: admin, Serve: createBucket},
		{Name: "HeadBucket", Method: head, Level: bucket, Right: rightMember, Serve: headBucket},
		{Name: "DeleteBucket", Method: del, Level: bucket, Right: admin, Serve: deleteBucket},
		{Name: "GetBucketLocation", Method: get, Level: bucket, Sub: "location", Right: rightMember, Serve: getBucketLocation},
		{Name: "GetBucketVersioning", Method: get, Level: bucket, Sub: "versioning", Right: rightMember, Serve: getBucketVersioning},
		{Name: "PutBucketVersioning", Method: put, Level: bucket, Sub: "versioning", Right: admin, Serve: putBucketVersioning},
		{Name: "GetBucketCors", Method: get, Level: bucket, Sub: "cors", Right: rightMember, Serve: getBucketCors},
		{Name: "PutBucketCors", Method: put, Level: bucket, Sub: "cors", Right: admin, Serve: putBucketCors},
		{Name: "DeleteBucketCors", Method: del, Level: bucket, Sub: "cors", Right: admin, Serve: deleteBucketCors},
		{Name: "GetBucketAcl", Method: get, Level: bucket, Sub: "acl", Right: rightMember, Serve: getBucketACL},
		{Name: "PutBucketAcl", Method: put, Level: bucket, Sub: "acl", Right: admin, Serve: putBucketACL},
		{Name: "GetBucketOwnershipControls", Method: get, Level: bucket, Sub: "ownershipControls", Right: rightMember, Serve: getOwnership},
		{Name: "PutBucketOwnershipControls", Method: put, Level: bucket, Sub: "ownershipControls", Right: admin, Serve: putOwnership},
		{Name: "GetBucketTagging", Method: get, Level: bucket, Sub: "tagging", Right: rightMember, Serve: getBucketTagging},
		{Name: "PutBucketTagging", Method: put, Level: bucket, Sub: "tagging", Right: admin, Serve: putBucketTagging},
		{Name: "DeleteBucketTagging", Method: del, Level: bucket, Sub: "tagging", Right: admin, Serve: deleteBucketTagging},

		{Name: "ListObjects", Method: get, Level: bucket, Right: list, Params: []string{"prefix", "delimiter", "marker", "max-keys", "encoding-type"}, Serve: listObjects},
		{Name: "ListObjectsV2", Method: get, Level: bucket, Sub: "list-type", Right: list, Params: []string{"prefix", "delimiter", "start-after", "continuation-token", "max-keys", "encoding-type", "fetch-owner"}, Serve: listObjectsV2},
		{Name: "ListObjectVersions", Method: get, Level: bucket, Sub: "versions", Right: list, Params: []string{"prefix", "delimiter", "key-marker", "version-id-marker", "max-keys", "encoding-type"}, Serve: listObjectVersions},
		{Name: "ListMultipartUploads", Method: get, Level: bucket, Sub: "uploads", Right: list, Params: []string{"prefix", "delimiter", "key-marker", "upload-id-marker", "max-uploads", "encoding-type"}, Serve: listMultipartUploads},
		{Name: "DeleteObjects", Method: post, Level: bucket, Sub: "delete", Right: rightSigned, Serve: deleteObjects},
		{Name: "PostObject", Method: post, Level: bucket, Right: rightSelf, Serve: postObject},

		{Name: "GetObject", Method: get, Level: object, Right: read, Params: objectReadParams(), Serve: getObject},
		{Name: "HeadObject", Method: head, Level: object, Right: read, Params: objectReadParams(), Serve: getObject},
		{Name: "GetObjectAttributes", Method: get, Level: object, Sub: "attributes", Right: read, Params: version, Serve: getObjectAttributes},
		{Name: "PutObject", Method: put, Level: object, Right: write, Serve: putObject},
		{Name: "CopyObject", Method: put, Level: object, Source: true, Right: write, Serve: copyObject},
		{Name: "DeleteObject", Method: del, Level: object, Right: remove, Params: version, Serve: deleteObject},
		{Name: "GetObjectAcl", Method: get, Level: object, Sub: "acl", Right: read, Params: version, Serve: getObjectACL},
		{Name: "PutObjectAcl", Method: put, Level: object, Sub: "acl", Right: write, Params: version, Serve: putObjectACL},
		{Name: "GetObjectTagging", Method: get, Level: object, Sub: "tagging", Right: read, Params: version, Serve: getObjectTagging},
		{Name: "PutObjectTagging", Method: put, Level: object, Sub: "tagging", Right: write, Params: version, Serve: putObjectTagging},
		{Name: "DeleteObjectTagging", Method: del, Level: object, Sub: "tagging", Right: write, Params: version, Serve: deleteObjectTagging},

		{Name: "CreateMultipartUpload", Method: post, Level: object, Sub: "uploads", Right: write, Serve: createMultipartUpload},
		{Name: "UploadPart", Method: put, Level: object, Sub: "uploadId", Right: write, Params: []string{"partNumber"}, Serve: uploadPart},
		{Name: "UploadPartCopy", Method: put, Level: object, Sub: "uploadId", Source: true, Right: write, Params: []string{"partNumber"}, Serve: uploadPartCopy},
		{Name: "CompleteMultipartUpload", Method: post, Level: object, Sub: "uploadId", Right: write, Serve: completeMultipartUpload},
		{Name: "AbortMultipartUpload", Method: del, Level: object, Sub: "uploadId", Right: write, Serve: abortMultipartUpload},
		{Name: "ListParts", Method: get, Level: object, Sub: "uploadId", Right: write, Params: []string{"max-parts", "part-number-marker"}, Serve: listParts},

		{Name: "Preflight", Method: opt, Level: bucket, Right: rightNone, Serve: preflight},
		{Name: "Preflight", Method: opt, Level: object, Right: rightNone, Serve: preflight},
	}
}

// allOperations is the whole table.
func allOperations() []operation {
	return slices.Concat(operations(), unsetOperations(), lockOperations())
}

// objectReadParams are the parameters of GetObject and HeadObject.
func objectReadParams() []string {
	return []string{
		"versionId", "partNumber", "response-content-type", "response-content-disposition", "response-content-encoding",
		"response-content-language", "response-cache-control", "response-expires",
	}
}
