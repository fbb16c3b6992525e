// Package examples holds the helpers that sign links in other languages, to be copied into an application. Its test
// runs each with its real interpreter against the published vectors.
package examples
