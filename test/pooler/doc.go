// Package pooler runs drivers and programs that know nothing of Holdfast through its pooler, beside a direct connection to
// the same PostgreSQL: the same script has to print the same. It also holds the run under random failures, where every
// answer carries who asked. It holds tests only.
package pooler
