// Package examples holds the helpers that sign links and ask for content in other languages, to be copied into an
// application. Tests run each with its real interpreter: here against the published vectors of links, in package content
// against a running node.
package examples
