// Package clients runs programs that know nothing of Holdfast against its S3 endpoint, as they come from their makers:
// boto3, the AWS command line, s3cmd, rclone, s3fs, a Django project with django-storages, the AWS SDK for JavaScript,
// and the integration tests of versitygw. It holds tests only; docs/compatibility.md says what they showed.
package clients
