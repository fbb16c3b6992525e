package s3wire

import "net/http"

type codeFact struct {
	status  int
	message string
}

// codes is never written to. The messages are as much a part of the wire as the codes: clients and conformance suites
// compare them, so where S3 has a fixed text this is the text.
var codes = map[Code]codeFact{
	AccessDenied:                  {http.StatusForbidden, "Access Denied"},
	AccessForbidden:               {http.StatusForbidden, "CORSResponse: This CORS request is not allowed."},
	AccessControlListNotSupported: {http.StatusBadRequest, "The bucket does not allow ACLs."},
	AuthorizationHeaderMalformed: {
		http.StatusBadRequest,
		"The authorization header that you provided is not valid.",
	},
	AuthorizationQueryParametersError: {
		http.StatusBadRequest,
		"The authorization query parameters that you provided are not valid.",
	},
	BadDigest:  {http.StatusBadRequest, "The Content-MD5 you specified did not match what we received."},
	BadRequest: {http.StatusBadRequest, "Bad Request"},
	BucketAlreadyExists: {
		http.StatusConflict,
		"The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
	},
	BucketAlreadyOwnedByYou: {
		http.StatusConflict,
		"Your previous request to create the named bucket succeeded and you already own it.",
	},
	BucketNotEmpty: {http.StatusConflict, "The bucket you tried to delete is not empty."},
	ConditionalRequestConflict: {
		http.StatusConflict,
		"A conflicting operation occurred while this conditional request ran. Try again.",
	},
	EntityTooLarge:                 {http.StatusBadRequest, "Your proposed upload exceeds the maximum allowed object size."},
	EntityTooSmall:                 {http.StatusBadRequest, "Your proposed upload is smaller than the minimum allowed size"},
	ExpiredToken:                   {http.StatusBadRequest, "The provided token has expired."},
	IllegalVersioningConfiguration: {http.StatusBadRequest, "The versioning configuration is not valid."},
	IncompleteBody: {
		http.StatusBadRequest,
		"You did not provide the number of bytes specified by the Content-Length HTTP header",
	},
	IncorrectNumberOfFilesInPost: {http.StatusBadRequest, "POST requires exactly one file upload per request."},
	InsufficientStorage:          {http.StatusInsufficientStorage, "There is no room left to store the object."},
	InternalError:                {http.StatusInternalServerError, "We encountered an internal error, please try again."},
	InvalidAccessKeyID:           {http.StatusForbidden, "The AWS Access Key Id you provided does not exist in our records."},
	InvalidArgument:              {http.StatusBadRequest, "Invalid Argument"},
	InvalidBucketACLWithObjectOwnership: {
		http.StatusBadRequest,
		"Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
	},
	InvalidBucketName:  {http.StatusBadRequest, "The specified bucket is not valid."},
	InvalidBucketState: {http.StatusConflict, "The request is not valid for the current state of the bucket."},
	InvalidChunkSizeError: {
		http.StatusBadRequest,
		"Only the last chunk is allowed to have a size less than 8192 bytes",
	},
	InvalidDigest:             {http.StatusBadRequest, "The Content-Md5 you specified is not valid."},
	InvalidLocationConstraint: {http.StatusBadRequest, "The specified location-constraint is not valid"},
	InvalidObjectState:        {http.StatusForbidden, "The operation is not valid for the current state of the object."},
	InvalidPart: {
		http.StatusBadRequest,
		"One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
	},
	InvalidPartNumber: {http.StatusRequestedRangeNotSatisfiable, "The requested partnumber is not satisfiable."},
	InvalidPartOrder: {
		http.StatusBadRequest,
		"The list of parts was not in ascending order. Parts must be ordered by part number.",
	},
	InvalidPolicyDocument: {
		http.StatusBadRequest,
		"The content of the form does not meet the conditions specified in the policy document.",
	},
	InvalidRange:        {http.StatusRequestedRangeNotSatisfiable, "The requested range is not satisfiable"},
	InvalidRequest:      {http.StatusBadRequest, "Invalid Request."},
	InvalidStorageClass: {http.StatusBadRequest, "The storage class you specified is not valid"},
	InvalidTag:          {http.StatusBadRequest, "The tag provided was not a valid tag."},
	InvalidToken:        {http.StatusBadRequest, "The provided token is malformed or otherwise invalid."},
	InvalidURI:          {http.StatusBadRequest, "The specified URI couldn't be parsed."},
	KeyTooLong:          {http.StatusBadRequest, "Your key is too long."},
	MalformedACL: {
		http.StatusBadRequest,
		"The XML you provided was not well-formed or did not validate against our published schema.",
	},
	MalformedPOSTRequest: {
		http.StatusBadRequest,
		"The body of your POST request is not well-formed multipart/form-data.",
	},
	MalformedTrailer: {
		http.StatusBadRequest,
		"The request contained trailing data that was not well-formed or did not conform to our published schema.",
	},
	MalformedXML: {
		http.StatusBadRequest,
		"The XML you provided was not well-formed or did not validate against our published schema.",
	},
	MaxMessageLengthExceeded: {http.StatusBadRequest, "Your request was too big."},
	MaxPostPreDataLengthExceeded: {
		http.StatusBadRequest,
		"Your POST request fields preceding the upload file were too large.",
	},
	MetadataTooLarge:             {http.StatusBadRequest, "Your metadata headers exceed the maximum allowed metadata size"},
	MethodNotAllowed:             {http.StatusMethodNotAllowed, "The specified method is not allowed against this resource."},
	MissingContentLength:         {http.StatusLengthRequired, "You must provide the Content-Length HTTP header."},
	MissingRequestBody:           {http.StatusBadRequest, "Request Body is empty"},
	MissingSecurityHeader:        {http.StatusBadRequest, "Your request was missing a required header."},
	NoSuchBucket:                 {http.StatusNotFound, "The specified bucket does not exist."},
	NoSuchBucketPolicy:           {http.StatusNotFound, "The bucket policy does not exist."},
	NoSuchCORSConfiguration:      {http.StatusNotFound, "The CORS configuration does not exist"},
	NoSuchKey:                    {http.StatusNotFound, "The specified key does not exist."},
	NoSuchLifecycleConfiguration: {http.StatusNotFound, "The lifecycle configuration does not exist"},
	NoSuchObjectLockConfiguration: {
		http.StatusNotFound,
		"The specified object does not have a ObjectLock configuration.",
	},
	NoSuchPublicAccessBlock: {http.StatusNotFound, "The public access block configuration was not found"},
	NoSuchTagSet:            {http.StatusNotFound, "The TagSet does not exist."},
	NoSuchUpload: {
		http.StatusNotFound,
		"The specified multipart upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
	},
	NoSuchVersion:              {http.StatusNotFound, "The specified version does not exist."},
	NoSuchWebsiteConfiguration: {http.StatusNotFound, "The specified bucket does not have a website configuration"},
	NotImplemented: {
		http.StatusNotImplemented,
		"A header you provided implies functionality that is not implemented.",
	},
	NotModified: {http.StatusNotModified, "Not Modified"},
	ObjectLockConfigurationNotFound: {
		http.StatusNotFound,
		"Object Lock configuration does not exist for this bucket.",
	},
	OwnershipControlsNotFound: {http.StatusNotFound, "The bucket ownership controls were not found."},
	PermanentRedirect: {
		http.StatusMovedPermanently,
		"The bucket you are attempting to access must be addressed using another endpoint.",
	},
	PreconditionFailed: {
		http.StatusPreconditionFailed,
		"At least one of the pre-conditions you specified did not hold.",
	},
	QuotaExceeded:                    {http.StatusForbidden, "The request would exceed a limit of the bucket."},
	ReplicationConfigurationNotFound: {http.StatusNotFound, "The replication configuration was not found"},
	RequestHeaderSectionTooLarge: {
		http.StatusBadRequest,
		"Your request header section exceeds the maximum allowed size.",
	},
	RequestTimeTooSkewed: {
		http.StatusForbidden,
		"The difference between the request time and the current time is too large.",
	},
	RequestTimeout: {
		http.StatusBadRequest,
		"Your socket connection to the server was not read from or written to within the timeout period.",
	},
	ServerSideEncryptionConfigNotFound: {
		http.StatusNotFound,
		"The server side encryption configuration was not found",
	},
	ServiceUnavailable: {http.StatusServiceUnavailable, "The service cannot answer right now. Please try again."},
	SignatureDoesNotMatch: {
		http.StatusForbidden,
		"The request signature we calculated does not match the signature you provided. Check your key and signing method.",
	},
	SlowDown:          {http.StatusServiceUnavailable, "Please reduce your request rate."},
	TooManyBuckets:    {http.StatusBadRequest, "You have attempted to create more buckets than allowed."},
	UnexpectedContent: {http.StatusBadRequest, "This request does not support content."},
	UserKeyMustBeSpecified: {
		http.StatusBadRequest,
		"The bucket POST must contain the specified field name. If it is specified, check the order of the fields.",
	},
	XAmzContentSHA256Mismatch: {
		http.StatusBadRequest,
		"The provided 'x-amz-content-sha256' header does not match what was computed.",
	},
}
