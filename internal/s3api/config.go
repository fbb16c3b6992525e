package s3api

import "holdfast/internal/unit"

// Config is the table [s3]: the S3 endpoint that the application speaks to.
type Config struct {
	// Listen is the address of the endpoint. Default "127.0.0.1:9000".
	Listen string `toml:"listen"`
	// Hosts are the public names under which the endpoint is reached, as "files.example.com" or
	// "https://files.example.com": signatures made for any of them are accepted, and "bucket.NAME" addresses a bucket.
	Hosts []string `toml:"hosts"`
	// Region that the endpoint reports and expects in signatures. Any region is accepted when empty. Default "holdfast".
	Region string `toml:"region"`
	// SigV2 accepts query-signed GETs of signature version 2, which old django-storages set-ups make. Default false.
	SigV2 bool `toml:"sigv2"`
	// TLSCert and TLSKey are PEM files. Required when listening on an address that is not loopback or private.
	TLSCert string `toml:"tls_cert"`
	TLSKey  string `toml:"tls_key"`
	// MinRate is the slowest acceptable upload in bytes per second, judged over 30 seconds. Default 1KB.
	MinRate unit.Bytes `toml:"min_rate"`
	// MaxInFlight bounds the bytes of uploads being received at once. Default 0: only the disk's reserve counts.
	MaxInFlight unit.Bytes `toml:"max_in_flight"`
}
