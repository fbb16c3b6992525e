// Package cache holds tests of the endpoint that speaks Redis, with the clients that applications use: redis-py, Django's own
// cache, django-redis, Flask-Caching, cachelib, go-redis, node-redis and redis-cli, all unchanged. Each runs against Holdfast, and
// against a real Redis to show that the test asks for what Redis does.
package cache
