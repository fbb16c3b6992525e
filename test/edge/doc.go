// Package edge runs the edge with applications behind it: servers of the test's own that misbehave on purpose, and stock
// Flask and Django projects under Gunicorn that know nothing of Holdfast. It holds tests only.
package edge
