// Package mem is a [blob.Store] in memory. It passes the whole conformance suite, so features are tested against it
// instead of against mocks. What it holds is gone with the process: no configuration offers it for real files.
package mem
