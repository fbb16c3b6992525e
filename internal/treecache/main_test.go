package treecache_test

import (
	"os"
	"testing"

	"holdfast/internal/lifecycle/lifecycletest"
)

// The test binary is also the processes that use a cache together, and that are killed.
func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		os.Exit(runChild(text))
	}
	if text := os.Getenv(warmEnv); text != "" {
		if err := runWarm(text); err != nil {
			panic(err)
		}
		return
	}
	lifecycletest.Main(m)
}
