// Package config reads the configuration of Holdfast: it gathers the Config of every package into one, and reports
// every mistake in it at once.
//
// # Layers
//
// A value comes from the highest of these layers that sets it:
//
//	environment   HOLDFAST_DATABASE__HOST, a double underscore for each dot
//	files         holdfast.toml, or all *.toml of a directory in the order of their names
//	DATABASE_URL  of the environment, for the table [database] when no layer above names a host
//	defaults      each package's DefaultConfig
//
// Files of a directory are merged table by table; a later value replaces an earlier one, lists included. A variable
// that is set but empty counts as not set.
//
// # Secrets
//
// Every key of type secret.String has a twin with the suffix "_file", which names a file that holds the value. The twin
// is no field of its own. A relative path, here and in every other key that names a file, starts at the directory of
// the configuration. A secret that stands in a configuration file which other people can read, by its mode or because
// git tracks it, is a mistake; so is a placeholder.
//
// # Mistakes
//
// [Load] never stops at the first mistake and never prints a secret. A mistake carries the key, the file and the line
// (or the environment variable), what is wrong, and what to write instead. One key has at most one mistake: what could
// not be read is not also judged.
//
// # Reference
//
// The comments at the fields of the Config structs are the only documentation of the keys. go generate writes them to
// reference.json, from which "holdfast help config" prints, and to docs/config.md.
package config

//go:generate go test -run ^TestTheReferenceIsFresh$ -update .
