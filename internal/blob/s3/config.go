package s3

import (
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// Config is the table [storage.s3]: the S3 service that holds the files in place of the disk.
type Config struct {
	// Enabled switches the table on. While false the table is ignored as a whole.
	Enabled bool `toml:"enabled"`
	// EndpointURL of the service, with scheme, as "https://s3.example.com". A trailing slash is tolerated.
	EndpointURL string `toml:"endpoint_url"`
	// BucketName must exist and be writable; "holdfast check --create" makes it.
	BucketName string `toml:"bucket_name"`
	// AccessKeyID of the credential; also access_key_id_file.
	AccessKeyID secret.String `toml:"access_key_id"`
	// SecretKey of the credential; also secret_key_file.
	SecretKey secret.String `toml:"secret_key"`
	// Region of the bucket. Default "us-east-1", which most services ignore.
	Region string `toml:"region"`
	// Addressing of buckets: "path" (default), "virtual" or "auto".
	Addressing string `toml:"addressing"`
	// CAFile is a PEM file with authorities to trust besides the system's.
	CAFile string `toml:"ca_file"`
	// Prefix is put before every object name, as "files/", so that one bucket may serve several purposes. Default none.
	Prefix string `toml:"prefix"`
	// PartSize of multipart uploads to the service, 5MiB to 5GiB: each upload keeps one in memory, all together
	// 256MiB. Default 8MiB.
	PartSize unit.Bytes `toml:"part_size"`
	// Timeout is how long the service may be silent before a request is given up: while it connects, answers, takes or
	// sends bytes. Default 10s.
	Timeout unit.Duration `toml:"timeout"`
	// CacheSize bounds the local read cache in front of the service. Default 1GiB; 0 for none.
	CacheSize unit.Bytes `toml:"cache_size"`
}
