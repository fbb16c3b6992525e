package disk_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/blob/disk"
)

// event is what a writer says about one blob: with "?" before it does something, with "!" when it was acknowledged.
type event string

// The life of a blob: put, moved to the trash, deleted there. Any of them may be its last.
const (
	putting, put_     event = "put?", "put!"
	moving, moved     event = "move?", "move!"
	deleting, deleted event = "delete?", "delete!"
)

// ledger is what the writers said, and so what a store must hold after whatever happened to it.
type ledger struct {
	mu   sync.Mutex // protects last
	last map[blob.Name]event
}

func newLedger() *ledger { return &ledger{last: map[blob.Name]event{}} }

func (l *ledger) note(e event, name blob.Name) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last[name] = e
}

// noteUntil returns a note that hears nothing more once off is set: what was said after the power went is no promise.
func (l *ledger) noteUntil(off *atomic.Bool) func(event, blob.Name) bool {
	return func(e event, name blob.Name) bool {
		if off.Load() {
			return false
		}
		l.note(e, name)
		return true
	}
}

// count returns how many blobs came as far as that.
func (l *ledger) count(e event) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, last := range l.last {
		if last == e {
			n++
		}
	}
	return n
}

// check returns everything that is wrong with the store: acknowledged blobs that are lost or damaged, deleted ones that
// are back, and blobs, acknowledged or not, that are named but not whole.
func (l *ledger) check(ctx context.Context, s blob.Store) error {
	there := map[blob.Name]bool{}
	var wrong []error
	for _, space := range []string{"blobs/", "trash/"} {
		err := s.List(ctx, space, "", func(info blob.Info) bool {
			there[info.Name] = true
			if err := whole(ctx, s, info.Name); err != nil {
				wrong = append(wrong, fmt.Errorf("last word %q: %w", l.last["blobs/"+info.Name[len("blobs/"):]], err))
			}
			return true
		})
		wrong = append(wrong, err)
	}
	for name, last := range l.last {
		if problem := wrongPlace(last, there[name], there[trashOf(name)]); problem != "" {
			wrong = append(wrong, fmt.Errorf("%s: last word %s, %s", name, last, problem))
		}
		delete(there, name)
		delete(there, trashOf(name))
	}
	for name := range there {
		wrong = append(wrong, fmt.Errorf("%s is there, and nobody wrote it", name))
	}
	return errors.Join(wrong...)
}

// wrongPlace says what is wrong with a blob that is, or is not, under its name and in the trash.
func wrongPlace(last event, named, trashed bool) string {
	switch {
	case (last == put_ || last == moving) && !named && !trashed, last == moved && !trashed:
		return "it is lost"
	case (last == putting || last == put_) && trashed, last == moved && named:
		return "it is where nobody put it"
	case last == deleting && named, last == deleted && (named || trashed):
		return "it is back"
	}
	return ""
}

// finish repeats what was not acknowledged, as a restarted process does, and checks that this leads to one clear state.
func (l *ledger) finish(ctx context.Context, s blob.Store) error {
	for name, last := range l.last {
		var err error
		switch last {
		case moving:
			err = s.Move(ctx, name, trashOf(name))
			l.last[name] = moved
		case deleting:
			err = s.Delete(ctx, trashOf(name))
			l.last[name] = deleted
		}
		if err != nil {
			return fmt.Errorf("repeat %s of %s: %w", last, name, err)
		}
	}
	return l.check(ctx, s)
}

func trashOf(name blob.Name) blob.Name { return "trash/" + name[len("blobs/"):] }

// writing is one blob of the writers: the name says everything about its content.
type writing struct {
	name    blob.Name
	size    int
	sidecar int
}

func newWriting(r *rand.Rand) writing {
	w := writing{size: r.IntN(1 << r.IntN(19)), sidecar: []int{0, 100, 2000, 9000}[r.IntN(4)]}
	w.name = blob.Name(fmt.Sprintf("blobs/%02x/%d-%d-%016x", r.IntN(8), w.size, w.sidecar, r.Uint64()))
	return w
}

func parseWriting(name blob.Name) (w writing, err error) {
	w.name = "blobs/" + name[len("blobs/"):]
	_, err = fmt.Sscanf(string(name[strings.LastIndexByte(string(name), '/')+1:]), "%d-%d-", &w.size, &w.sidecar)
	return w, err
}

func (w writing) content() []byte { return fill("content of "+string(w.name), w.size) }
func (w writing) text() []byte    { return fill("sidecar of "+string(w.name), w.sidecar) }

// fill returns n bytes that are different for each seed.
func fill(seed string, n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8(sha256.Sum256([]byte(seed))).Read(data) // documented never to fail
	return data
}

// whole returns an error unless the blob and its sidecar are what its name says.
func whole(ctx context.Context, s blob.Store, name blob.Name) error {
	w, err := parseWriting(name)
	if err != nil {
		return fmt.Errorf("name %s: %w", name, err)
	}
	b, err := s.Open(ctx, name)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(b)
	if err = errors.Join(err, b.Close()); err != nil {
		return err
	}
	text, err := s.Sidecar(ctx, name)
	if err != nil {
		return err
	}
	if !bytes.Equal(data, w.content()) || !bytes.Equal(text, w.text()) {
		return fmt.Errorf("%s is not whole: %d bytes, sidecar of %d bytes", name, len(data), len(text))
	}
	return nil
}

// work writes blobs, moves most of them and deletes many, and says each step to note, until something fails or note has
// heard enough and returns false.
func work(ctx context.Context, s *disk.Store, r *rand.Rand, note func(event, blob.Name) bool) error {
	for {
		w := newWriting(r)
		steps := []struct {
			before, after event
			do            func() error
		}{
			{putting, put_, func() error { return w.store(ctx, s, r) }},
			{moving, moved, func() error { return s.Move(ctx, w.name, trashOf(w.name)) }},
			{deleting, deleted, func() error { return s.Delete(ctx, trashOf(w.name)) }},
		}
		for _, step := range steps[:1+r.IntN(3)] {
			if !note(step.before, w.name) {
				return nil
			}
			if err := step.do(); err != nil {
				return err
			}
			if !note(step.after, w.name) {
				return nil
			}
		}
	}
}

// store puts the blob in one of the ways in which that can be done.
func (w writing) store(ctx context.Context, s *disk.Store, r *rand.Rand) error {
	data := w.content()
	opts := blob.PutOptions{Size: int64(len(data)), Sidecar: func() ([]byte, error) { return w.text(), nil }}
	way := r.IntN(5)
	if way == 0 {
		opts.Size = -1
	}
	if way > 1 {
		_, err := s.Put(ctx, w.name, bytes.NewReader(data), opts)
		return err
	}
	cut := r.IntN(len(data) + 1)
	parts := []blob.Name{"parts/" + w.name + ".1", "parts/" + w.name + ".2"}
	for i, piece := range [][]byte{data[:cut], data[cut:]} {
		if _, err := s.Put(ctx, parts[i], bytes.NewReader(piece), blob.PutOptions{Size: -1}); err != nil {
			return err
		}
	}
	if _, err := s.Compose(ctx, w.name, parts, opts); err != nil {
		return err
	}
	return errors.Join(s.Delete(ctx, parts[0]), s.Delete(ctx, parts[1]))
}

// A ledger that finds nothing proves nothing.
func TestTheLedgerNoticesEveryKindOfDamage(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	w := newWriting(r)
	for name, damage := range map[string]func(*ledger, *disk.Store) error{
		"lost": func(_ *ledger, s *disk.Store) error { return s.Delete(t.Context(), w.name) },
		"short": func(_ *ledger, s *disk.Store) error {
			put(t, s, "x", w.content()[:w.size/2], w.text())
			return errors.Join(s.Delete(t.Context(), w.name), s.Move(t.Context(), "x", w.name))
		},
		"without sidecar": func(l *ledger, s *disk.Store) error {
			w := writing{name: "blobs/00/3-5-1", size: 3, sidecar: 5}
			l.note(put_, w.name)
			put(t, s, w.name, w.content(), nil)
			return nil
		},
		"back":    func(l *ledger, _ *disk.Store) error { l.note(deleted, w.name); return nil },
		"unmoved": func(l *ledger, _ *disk.Store) error { l.note(moved, w.name); return nil },
		"unknown": func(_ *ledger, s *disk.Store) error {
			return newWriting(r).store(t.Context(), s, r)
		},
	} {
		s, l := open(t, memoryDir(t)), newLedger()
		l.note(put_, w.name)
		if err := w.store(t.Context(), s, r); err != nil {
			t.Fatal(err)
		}
		if err := l.check(t.Context(), s); err != nil {
			t.Errorf("before the damage: %v", err)
		}
		if err := damage(l, s); err != nil {
			t.Fatal(err)
		}
		if l.check(t.Context(), s) == nil {
			t.Errorf("a blob that is %s goes unnoticed", name)
		}
	}
}
