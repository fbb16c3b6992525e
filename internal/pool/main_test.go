package pool_test

import (
	"testing"

	"holdfast/internal/lifecycle/lifecycletest"
)

func TestMain(m *testing.M) { lifecycletest.Main(m) }
