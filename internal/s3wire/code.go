package s3wire

// Code is S3's name of an error, as clients match it.
type Code string

// Status returns the HTTP status that goes with the code; 500 for one that is not in the table.
func (c Code) Status() int {
	if fact, ok := codes[c]; ok {
		return fact.status
	}
	return codes[InternalError].status
}

// Message returns the code's customary message, "" for one that is not in the table.
func (c Code) Message() string { return codes[c].message }

// The codes that this endpoint answers with, and those of S3's list that a client may meet behind it.
const (
	AccessDenied                        Code = "AccessDenied"
	AccessForbidden                     Code = "AccessForbidden"
	AccessControlListNotSupported       Code = "AccessControlListNotSupported"
	AuthorizationHeaderMalformed        Code = "AuthorizationHeaderMalformed"
	AuthorizationQueryParametersError   Code = "AuthorizationQueryParametersError"
	BadDigest                           Code = "BadDigest"
	BadRequest                          Code = "BadRequest"
	BucketAlreadyExists                 Code = "BucketAlreadyExists"
	BucketAlreadyOwnedByYou             Code = "BucketAlreadyOwnedByYou"
	BucketNotEmpty                      Code = "BucketNotEmpty"
	ConditionalRequestConflict          Code = "ConditionalRequestConflict"
	EntityTooLarge                      Code = "EntityTooLarge"
	EntityTooSmall                      Code = "EntityTooSmall"
	ExpiredToken                        Code = "ExpiredToken"
	IllegalVersioningConfiguration      Code = "IllegalVersioningConfigurationException"
	IncompleteBody                      Code = "IncompleteBody"
	IncorrectNumberOfFilesInPost        Code = "IncorrectNumberOfFilesInPostRequest"
	InsufficientStorage                 Code = "InsufficientStorage"
	InternalError                       Code = "InternalError"
	InvalidAccessKeyID                  Code = "InvalidAccessKeyId"
	InvalidArgument                     Code = "InvalidArgument"
	InvalidBucketACLWithObjectOwnership Code = "InvalidBucketAclWithObjectOwnership"
	InvalidBucketName                   Code = "InvalidBucketName"
	InvalidBucketState                  Code = "InvalidBucketState"
	InvalidChunkSizeError               Code = "InvalidChunkSizeError"
	InvalidDigest                       Code = "InvalidDigest"
	InvalidLocationConstraint           Code = "InvalidLocationConstraint"
	InvalidObjectState                  Code = "InvalidObjectState"
	InvalidPart                         Code = "InvalidPart"
	InvalidPartNumber                   Code = "InvalidPartNumber"
	InvalidPartOrder                    Code = "InvalidPartOrder"
	InvalidPolicyDocument               Code = "InvalidPolicyDocument"
	InvalidRange                        Code = "InvalidRange"
	InvalidRequest                      Code = "InvalidRequest"
	InvalidStorageClass                 Code = "InvalidStorageClass"
	InvalidTag                          Code = "InvalidTag"
	InvalidToken                        Code = "InvalidToken"
	InvalidURI                          Code = "InvalidURI"
	KeyTooLong                          Code = "KeyTooLongError"
	MalformedACL                        Code = "MalformedACLError"
	MalformedPOSTRequest                Code = "MalformedPOSTRequest"
	MalformedTrailer                    Code = "MalformedTrailerError"
	MalformedXML                        Code = "MalformedXML"
	MaxMessageLengthExceeded            Code = "MaxMessageLengthExceeded"
	MaxPostPreDataLengthExceeded        Code = "MaxPostPreDataLengthExceededError"
	MetadataTooLarge                    Code = "MetadataTooLarge"
	MethodNotAllowed                    Code = "MethodNotAllowed"
	MissingContentLength                Code = "MissingContentLength"
	MissingRequestBody                  Code = "MissingRequestBodyError"
	MissingSecurityHeader               Code = "MissingSecurityHeader"
	NoSuchBucket                        Code = "NoSuchBucket"
	NoSuchBucketPolicy                  Code = "NoSuchBucketPolicy"
	NoSuchCORSConfiguration             Code = "NoSuchCORSConfiguration"
	NoSuchKey                           Code = "NoSuchKey"
	NoSuchLifecycleConfiguration        Code = "NoSuchLifecycleConfiguration"
	NoSuchObjectLockConfiguration       Code = "NoSuchObjectLockConfiguration"
	NoSuchPublicAccessBlock             Code = "NoSuchPublicAccessBlockConfiguration"
	NoSuchTagSet                        Code = "NoSuchTagSet"
	NoSuchUpload                        Code = "NoSuchUpload"
	NoSuchVersion                       Code = "NoSuchVersion"
	NoSuchWebsiteConfiguration          Code = "NoSuchWebsiteConfiguration"
	NotImplemented                      Code = "NotImplemented"
	NotModified                         Code = "NotModified"
	ObjectLockConfigurationNotFound     Code = "ObjectLockConfigurationNotFoundError"
	OwnershipControlsNotFound           Code = "OwnershipControlsNotFoundError"
	PermanentRedirect                   Code = "PermanentRedirect"
	PreconditionFailed                  Code = "PreconditionFailed"
	QuotaExceeded                       Code = "QuotaExceeded"
	ReplicationConfigurationNotFound    Code = "ReplicationConfigurationNotFoundError"
	RequestHeaderSectionTooLarge        Code = "RequestHeaderSectionTooLarge"
	RequestTimeTooSkewed                Code = "RequestTimeTooSkewed"
	RequestTimeout                      Code = "RequestTimeout"
	ServerSideEncryptionConfigNotFound  Code = "ServerSideEncryptionConfigurationNotFoundError"
	ServiceUnavailable                  Code = "ServiceUnavailable"
	SignatureDoesNotMatch               Code = "SignatureDoesNotMatch"
	SlowDown                            Code = "SlowDown"
	TooManyBuckets                      Code = "TooManyBuckets"
	UnexpectedContent                   Code = "UnexpectedContent"
	UserKeyMustBeSpecified              Code = "UserKeyMustBeSpecified"
	XAmzContentSHA256Mismatch           Code = "XAmzContentSHA256Mismatch"
)
