package objects

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Operations of the SQL type write_item.
const (
	opPut     = 1
	opDelete  = 2
	opVersion = 3 // delete one version
	opExpire  = 4 // end the object if it is the one of that generation and has expired
)

// Statuses and flags of commit_objects; see the migration.
const (
	statusDone = iota
	statusNoBucket
	statusNoKey
	statusPrecondition
	statusTooLarge
	statusTooMany
	_
	statusNoUpload
	statusUploadDone
	statusNoSlot
	statusSlotUsed
	statusSlotExpired
)

const (
	flagFound = 1 << iota
	flagMarkerMade
	flagWasMarker
	flagWasLatest
	flagNullID
)

// write is one change of what a key holds.
type write struct {
	op     int16
	bucket int32
	key    string
	gen    Generation
	cond   Condition
	object *Object // opPut
	slot   *[16]byte
	upload *[16]byte

	headers string  // JSON of the object's
	tags    *string // JSON, nil for none
}

// written is what became of a write.
type written struct {
	status  int16
	gen     Generation
	expires time.Time
	flags   int32
}

func (w written) has(flag int32) bool { return w.flags&flag != 0 }

// err is the error of a status other than done.
func (w written) err() error {
	switch w.status {
	case statusDone:
		return nil
	case statusNoBucket:
		return errStale
	case statusNoKey:
		return ErrNoSuchKey
	case statusPrecondition:
		return ErrPrecondition
	case statusTooLarge:
		return ErrTooLarge
	case statusTooMany:
		return ErrTooManyObjects
	case statusNoUpload:
		return ErrNoSuchUpload
	case statusUploadDone:
		return errUploadDone
	case statusNoSlot:
		return ErrNoSuchSlot
	case statusSlotUsed:
		return ErrSlotUsed
	case statusSlotExpired:
		return ErrSlotExpired
	}
	return fmt.Errorf("commit_objects returned status %d", w.status)
}

// notSent wraps the error of a statement that never reached PostgreSQL.
type notSent struct{ error }

// Unwrap returns the cause.
func (n notSent) Unwrap() error { return n.error }

// unknownOutcome wraps the error of a commit whose answer was lost: it may have happened.
type unknownOutcome struct{ error }

// Unwrap returns the cause.
func (u unknownOutcome) Unwrap() error { return u.error }

// commit hands a write to the batcher and waits for its outcome. The error is that of the round trip.
func (x *Index) commit(ctx context.Context, w *write) (written, error) {
	if err := w.encode(); err != nil {
		return written{}, err
	}
	c := x.crews.Load()
	if c == nil {
		return written{}, errNotRunning
	}
	return c.commits.do(ctx, w)
}

// encode checks and encodes what one bad write could spoil a whole batch with.
func (w *write) encode() error {
	if err := checkKey(w.key); err != nil {
		return err
	}
	if w.object == nil {
		return nil
	}
	headers, err := encodeHeaders(w.object.Headers)
	if err != nil {
		return err
	}
	w.headers = headers
	w.tags, err = encodeTags(w.object.Tags)
	return err
}

// commitBatch commits the writes of several callers in one transaction. What PostgreSQL says about the state of things
// is told to all; a refusal of the statement itself, which a single bad write may cause, is tried again one by one.
func (x *Index) commitBatch(ctx context.Context, batch []*write) []answer[written] {
	out := make([]answer[written], len(batch))
	order := make([]int, len(batch)) // keys are locked in one order everywhere
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(batch[a].bucket, batch[b].bucket), cmp.Compare(batch[a].key, batch[b].key))
	})
	sorted := make([]*write, len(batch))
	for i, from := range order {
		sorted[i] = batch[from]
	}
	results, err := x.commitSorted(ctx, sorted)
	for _, w := range batch { // whatever came of it: nobody is told before the old rows are forgotten
		x.memory.forget(memoryKey{w.bucket, w.key})
	}
	if pg := (*pgconn.PgError)(nil); len(batch) > 1 && errors.As(err, &pg) && rolledBack(err) && !temporary(pg) {
		for i, w := range batch {
			out[i] = x.commitBatch(ctx, []*write{w})[0]
		}
		return out
	}
	for i, from := range order {
		if err != nil {
			out[from].err = commitError(ctx, err)
			continue
		}
		out[from].value = results[i]
	}
	return out
}

func commitError(ctx context.Context, err error) error {
	told := dbError(ctx, "commit", err)
	if rolledBack(err) {
		return told
	}
	return unknownOutcome{told}
}

// attempts bounds how often a transaction is tried that PostgreSQL gave up for reasons of its own.
const attempts = 4

// commitSorted commits the writes, which are sorted by bucket and key, and makes the deaths known in this process.
func (x *Index) commitSorted(ctx context.Context, batch []*write) ([]written, error) {
	ctx, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	args := writeArgs(batch)
	for try := 1; ; try++ {
		results, err := x.commitOnce(ctx, args, len(batch))
		var pg *pgconn.PgError
		switch {
		case err == nil || try == attempts || ctx.Err() != nil:
			return results, err
		case errors.As(err, &pg) && (pg.Code == "40P01" || pg.Code == "40001"): // deadlock, serialization
		case pgconn.SafeToRetry(err) && !errors.As(err, new(notSent)): // a dead connection of the pool
		default:
			return results, err
		}
	}
}

// commitOnce goes around DB's own methods, because it must see the driver's errors as they are.
func (x *Index) commitOnce(ctx context.Context, args []any, n int) ([]written, error) {
	var (
		status   []int16
		gen      []int64
		expires  []*time.Time
		flags    []int32
		dead     [][16]byte
		deadSeq  []int64
		deadKind []string
	)
	conn, err := x.db.Acquire(ctx)
	if err != nil {
		return nil, notSent{err}
	}
	defer conn.Release()
	err = conn.QueryRow(ctx, x.commitSQL, args...).Scan(&status, &gen, &expires, &flags, &dead, &deadSeq, &deadKind)
	if err != nil {
		return nil, err
	}
	if len(status) != n {
		return nil, fmt.Errorf("commit_objects answered %d of %d writes", len(status), n)
	}
	results := make([]written, n)
	for i := range results {
		results[i] = written{status[i], Generation(gen[i]), orZero(expires[i]), flags[i]}
	}
	now, moves := time.Now(), false
	for i, id := range dead {
		x.deaths.note(BlobID(id), deadSeq[i], now, deadKind[i] != "revived")
		moves = moves || deadKind[i] == "dying"
	}
	if moves {
		x.sweeps.Up()
	}
	return results, nil
}

// writeArgs makes the arguments of commit_objects: an array for each column of write_item.
func writeArgs(batch []*write) []any {
	n := len(batch)
	var (
		op, bucket, key, gen     = make([]int16, n), make([]int32, n), make([]string, n), make([]int64, n)
		ifMatch, ifNone          = make([]*string, n), make([]*string, n)
		ifUnmodified, expires    = make([]*time.Time, n), make([]*time.Time, n)
		ifSize                   = make([]*int64, n)
		blobs                    = make([][16]byte, n)
		size                     = make([]int64, n)
		created                  = make([]time.Time, n)
		public, composite        = make([]bool, n), make([]bool, n)
		parts                    = make([]int32, n)
		etag, sniffed, alg       = make([]string, n), make([]string, n), make([]string, n)
		md5, sha256, sum         = make([][]byte, n), make([][]byte, n), make([][]byte, n)
		headers, tags, partSizes = make([]string, n), make([]*string, n), make([]*string, n)
		slot, upload             = make([]*[16]byte, n), make([]*[16]byte, n)
		nothing                  = &Object{}
	)
	for i, w := range batch {
		op[i], bucket[i], key[i], gen[i] = w.op, w.bucket, w.key, int64(w.gen)
		ifMatch[i], ifNone[i], ifSize[i] = orNil(w.cond.IfMatch), orNil(w.cond.IfNoneMatch), w.cond.IfSize
		ifUnmodified[i] = orNull(w.cond.IfUnmodifiedSince)
		slot[i], upload[i] = w.slot, w.upload
		o := cmp.Or(w.object, nothing)
		blobs[i], size[i], created[i], expires[i] = o.Blob, o.Size, o.Created, orNull(o.ExpiresAt)
		public[i], composite[i], parts[i] = o.Public, o.Digests.Composite, int32(o.Digests.Parts)
		etag[i], sniffed[i], alg[i] = o.ETag, o.Sniffed, o.Digests.Algorithm
		md5[i], sha256[i], sum[i] = o.Digests.MD5, o.Digests.SHA256, o.Digests.Checksum
		headers[i], tags[i], partSizes[i] = w.headers, w.tags, packSizes(o.Digests.PartSizes)
	}
	return []any{
		op, bucket, key, gen, ifMatch, ifNone, ifUnmodified, ifSize, blobs, size, created, expires, public, composite,
		parts, etag, sniffed, md5, sha256, alg, sum, headers, tags, partSizes, slot, upload,
	}
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
