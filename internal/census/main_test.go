package census

import (
	"testing"

	"holdfast/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
