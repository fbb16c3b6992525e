package pooler_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

// pupils is how many people use the school's application at the same time.
func pupils() int {
	if os.Getenv("HOLDFAST_SOAK") != "" {
		return 500
	}
	return 60
}

// schoolBreak is a school during a break: everybody looks at the timetable, and then a new one is published.
type schoolBreak struct {
	*site
	bell, published chan struct{}
	ready, before   sync.WaitGroup
}

// S0-20, as far as the pooler is concerned: all come at once, think, ask, and ask at once again when the timetable is published. Nobody
// gets an error or somebody else's answer, and whoever asks after the publication reads the new one. Half of them stay connected and share
// server connections, half connect anew for each page.
func TestASchoolBreakHasNoErrors(t *testing.T) {
	t.Parallel()
	b := &schoolBreak{
		site: setup{change: func(c *pooler.Config, pg *postgres.Config) {
			pg.Options.Pool.MinSize, pg.Options.Pool.MaxSize = 2, 12
		}}.start(t),
		bell: make(chan struct{}), published: make(chan struct{}),
	}
	b.super(t, "CREATE TABLE timetable (version int)")
	b.super(t, "INSERT INTO timetable VALUES (1)")
	b.super(t, "GRANT ALL ON timetable TO "+b.role())
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	n := pupils()
	failed := make(chan error, n)
	var all sync.WaitGroup
	b.ready.Add(n)
	b.before.Add(n)
	for i := range n {
		all.Go(func() {
			if err := b.pupil(ctx, i); err != nil {
				failed <- fmt.Errorf("pupil %d: %w", i, err)
				cancel()
			}
		})
	}
	b.ready.Wait()
	close(b.bell)
	b.before.Wait()
	if ctx.Err() == nil {
		publisher := b.connect(t, 1)
		if _, err := publisher.Exec(ctx, "UPDATE timetable SET version = 2"); err != nil {
			t.Error(err)
		}
	}
	close(b.published)
	all.Wait()
	close(failed)
	for err := range failed {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if s := b.pooler.Status(); s.Refused > 0 {
		t.Errorf("%d requests were refused", s.Refused)
	}
}

// pupil is one of them.
func (b *schoolBreak) pupil(ctx context.Context, id int) error {
	ready, before := sync.OnceFunc(b.ready.Done), sync.OnceFunc(b.before.Done)
	defer ready()
	defer before()
	stays := id%2 == 0
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close(context.WithoutCancel(ctx))
		}
	}()
	page := func(least int) (err error) {
		if conn == nil {
			endpoint := 0
			if stays {
				endpoint = 1
			}
			if conn, err = pgx.Connect(ctx, b.url(endpoint)+"?sslmode=disable"); err != nil {
				return err
			}
		}
		var asker, version int
		if err := conn.QueryRow(ctx, "SELECT $1::int, version FROM timetable", id).Scan(&asker, &version); err != nil {
			return err
		}
		if asker != id || version < least {
			return fmt.Errorf("got the answer of %d, and version %d; want at least %d", asker, version, least)
		}
		if !stays {
			err, conn = conn.Close(ctx), nil
		}
		return err
	}
	if stays {
		if err := page(1); err != nil {
			return err
		}
	}
	ready()
	if err := wait(ctx, b.bell); err != nil {
		return err
	}
	for range 4 {
		if err := errors.Join(page(1), think(ctx)); err != nil {
			return err
		}
	}
	before()
	if err := wait(ctx, b.published); err != nil {
		return err
	}
	return page(2)
}

func wait(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// think is what people do between two pages, in the time of a test.
func think(ctx context.Context) error {
	select {
	case <-time.After(rand.N(30 * time.Millisecond)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
