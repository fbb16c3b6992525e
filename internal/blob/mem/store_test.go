package mem_test

import (
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/blob/blobtest"
	"holdfast/internal/blob/mem"
)

// S0-30: the store that features are tested against keeps the whole contract.
func TestStoreKeepsTheContract(t *testing.T) {
	blobtest.Run(t, func(*testing.T) blob.Store { return mem.New() }, blobtest.InMemory())
}
