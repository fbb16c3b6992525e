package disk_test

import (
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/blob/blobtest"
)

// S1-30, S3-07: the store keeps the whole contract on NFS.
func TestStoreKeepsTheContractOnNFS(t *testing.T) {
	server := startNFSServer(t)
	roots := newRoots(mountNFSShare(t, server, false))
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, roots.take(t)) }, blobtest.InMemory())
}

// S1-30: also when the network loses answers, so that links, renames and removals are made twice.
func TestStoreKeepsTheContractOnNFSThatLosesAnswers(t *testing.T) {
	server := startNFSServer(t)
	roots := newRoots(mountNFSShare(t, server, true))
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, roots.take(t)) }, blobtest.InMemory())
}
