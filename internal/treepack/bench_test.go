package treepack_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"holdfast/internal/treepack"
)

// discard is a sink that reads everything and keeps nothing.
type discard struct{}

func (discard) Dir(string) error { return nil }

func (discard) File(_ string, _ bool, _ int64, r io.Reader) error {
	_, err := r.(io.WriterTo).WriteTo(io.Discard) //nolint:forcetypeassert // as io.Copy uses it
	return err
}
func (discard) Link(string, string) error { return nil }
func (discard) Keep(string, []byte) error { return nil }

// sample is what a course is made of, by kind.
type sample struct {
	name string
	tree func(s *store, rng *rand.Rand) treepack.ID
}

func samples() []sample {
	return []sample{
		{"question", func(s *store, rng *rand.Rand) treepack.ID {
			return s.tree(s.file("info.json", text(rng, 400)), s.file("question.html", text(rng, 1800)), s.file("server.py", text(rng, 900)))
		}},
		{"sources", func(s *store, rng *rand.Rand) treepack.ID { return s.random(rng, 2000, 20_000) }},
		{"images", func(s *store, rng *rand.Rand) treepack.ID {
			var entries []treepack.Entry
			for i := range 40 {
				entries = append(entries, s.file(fmt.Sprintf("%02d.png", i), string(noise(rng, 300_000))))
			}
			return s.tree(entries...)
		}},
	}
}

// noise returns bytes that do not compress.
func noise(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func benchmark(b *testing.B, run func(b *testing.B, s *store, tree treepack.ID)) {
	for _, f := range formats() {
		for _, m := range samples() {
			s := newStore(f)
			tree := m.tree(s, rand.New(rand.NewPCG(1, 1)))
			b.Run(f.String()+"/"+m.name, func(b *testing.B) { run(b, s, tree) })
		}
	}
}

func BenchmarkPack(b *testing.B) {
	benchmark(b, func(b *testing.B, s *store, tree treepack.ID) {
		b.ReportAllocs()
		for b.Loop() {
			part, err := treepack.Pack(context.Background(), io.Discard, s, treepack.PartID{Kind: treepack.WholeTree, ID: tree}, treepack.Limits{})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(part.Plain)
		}
	})
}

// Target: 250 MB/s of plain bytes on one core, everything hashed twice.
func BenchmarkUnpack(b *testing.B) {
	benchmark(b, func(b *testing.B, s *store, tree treepack.ID) {
		data, part := whole(b, s, tree)
		b.SetBytes(part.Plain)
		b.ReportAllocs()
		for b.Loop() {
			if err := treepack.Unpack(bytes.NewReader(data), part, discard{}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(part.Packed)/float64(part.Plain), "packed/plain")
	})
}

func BenchmarkPlan(b *testing.B) {
	benchmark(b, func(b *testing.B, s *store, tree treepack.ID) {
		b.ReportAllocs()
		for b.Loop() {
			plan(b, s, tree, treepack.DefaultLimits())
		}
	})
}

func BenchmarkVerifyDir(b *testing.B) {
	benchmark(b, func(b *testing.B, s *store, tree treepack.ID) {
		data, part := whole(b, s, tree)
		d := newDisk(b)
		if err := treepack.Unpack(bytes.NewReader(data), part, d); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(part.Plain)
		b.ReportAllocs()
		for b.Loop() {
			if err := treepack.VerifyDir(context.Background(), d.root, part, d.kept); err != nil {
				b.Fatal(err)
			}
		}
	})
}
