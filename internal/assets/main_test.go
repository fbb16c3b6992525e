package assets

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"holdfast/internal/pgtest"
)

// builderVariable names the directory in which a child of the crash test builds.
const builderVariable = "HOLDFAST_TEST_ASSETS_BUILDER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(builderVariable); dir != "" {
		c := DefaultConfig()
		c.Root, c.Output = dir+"/root", dir+"/out"
		_, err := NewBuilder(c, slog.New(slog.DiscardHandler)).Build(context.Background())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Fprintln(os.Stdout, "done")
		os.Exit(0)
	}
	pgtest.Main(m)
}
