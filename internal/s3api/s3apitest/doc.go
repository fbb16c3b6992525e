// Package s3apitest starts whole S3 endpoints for tests: a private PostgreSQL database, a store, the index and a server
// on a loopback port of its own. Only tests import it.
package s3apitest
