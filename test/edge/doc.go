// Package edge_test holds tests of the edge with applications behind it: servers of the test's own that misbehave on purpose, and
// stock Flask and Django projects under Gunicorn that know nothing of Holdfast.
package edge_test
