package disk

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"holdfast/internal/blob"
)

// page is what a batch in the journal begins at and is filled up to, in bytes: a batch that cannot be written never
// shares a block of the disk with one that was acknowledged, and direct writes need it.
const page = 4096

// The heads of batches and records, all numbers little-endian; docs/formats.md has the tables.
const (
	batchMagic = 0x424a4648 // "HFJB"
	batchHead  = 32
	recordHead = 32
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	errRecord  = errors.New("record of the journal is damaged")
)

// recordKind says what was done to a name.
type recordKind byte

const (
	recordPut    recordKind = 1 + iota // name holds data
	recordMove                         // to holds what name held, name holds nothing
	recordDelete                       // name holds nothing
	recordCancel                       // what earlier records say about name is void
)

// record is one change of the store.
type record struct {
	kind    recordKind
	name    blob.Name
	to      blob.Name
	sidecar []byte // nil for none
	mtime   int64  // nanoseconds since 1970
	data    []byte
}

func (r *record) size() int {
	return recordHead + len(r.name) + len(r.to) + len(r.sidecar) + len(r.data)
}

func (r *record) append(b []byte) []byte {
	var head [recordHead]byte
	head[0] = byte(r.kind)
	if r.sidecar != nil {
		head[1] = 1
	}
	binary.LittleEndian.PutUint16(head[2:], uint16(len(r.name)))
	binary.LittleEndian.PutUint16(head[4:], uint16(len(r.to)))
	binary.LittleEndian.PutUint32(head[8:], uint32(len(r.sidecar)))
	binary.LittleEndian.PutUint32(head[12:], uint32(len(r.data)))
	binary.LittleEndian.PutUint64(head[16:], uint64(r.mtime))
	b = append(b, head[:]...)
	b = append(b, r.name...)
	b = append(b, r.to...)
	b = append(b, r.sidecar...)
	return append(b, r.data...)
}

// parseRecord returns the first record and what follows it. The record shares the memory of b.
func parseRecord(b []byte) (r record, rest []byte, err error) {
	if len(b) < recordHead {
		return r, nil, errRecord
	}
	head, b := b[:recordHead], b[recordHead:]
	take := func(n uint32) (part []byte) {
		if uint64(n) > uint64(len(b)) {
			err = errRecord
			return nil
		}
		part, b = b[:n:n], b[n:]
		return part
	}
	r.kind = recordKind(head[0])
	r.name = blob.Name(take(uint32(binary.LittleEndian.Uint16(head[2:]))))
	r.to = blob.Name(take(uint32(binary.LittleEndian.Uint16(head[4:]))))
	r.sidecar = take(binary.LittleEndian.Uint32(head[8:]))
	r.data = take(binary.LittleEndian.Uint32(head[12:]))
	r.mtime = int64(binary.LittleEndian.Uint64(head[16:]))
	if head[1] == 0 {
		r.sidecar = nil
	}
	if err == nil && !r.sound() {
		err = errRecord
	}
	return r, b, err
}

// sound reports whether the record can be followed: a name from the disk is as little trusted as one from elsewhere.
func (r *record) sound() bool {
	if r.kind < recordPut || r.kind > recordCancel || r.name.Valid() != nil {
		return false
	}
	return r.kind != recordMove || r.to.Valid() == nil
}

// appendBatch appends a batch of records, filled up to whole pages. nonce is that of its segment.
func appendBatch(b []byte, nonce uint64, number uint32, records []*record) []byte {
	start := len(b)
	b = append(b, make([]byte, batchHead)...)
	for _, r := range records {
		b = r.append(b)
	}
	head := b[start:]
	binary.LittleEndian.PutUint32(head, batchMagic)
	binary.LittleEndian.PutUint64(head[8:], nonce)
	binary.LittleEndian.PutUint32(head[16:], number)
	binary.LittleEndian.PutUint32(head[20:], uint32(len(head)))
	binary.LittleEndian.PutUint32(head[24:], uint32(len(records)))
	binary.LittleEndian.PutUint32(head[4:], crc32.Checksum(head[8:], castagnoli))
	return append(b, make([]byte, (page-len(b)%page)%page)...)
}

// batchSize is the length of a batch of records of that many bytes, in whole pages.
func batchSize(records int) int { return (batchHead + records + page - 1) / page * page }

// parseBatch returns the records of the batch that b begins with, and its length. It is not ok if there is none that
// was written whole for this segment.
func parseBatch(b []byte, nonce uint64, number uint32) (records []record, size int, ok bool) {
	if len(b) < batchHead || binary.LittleEndian.Uint32(b) != batchMagic ||
		binary.LittleEndian.Uint64(b[8:]) != nonce || binary.LittleEndian.Uint32(b[16:]) != number {
		return nil, 0, false
	}
	n := binary.LittleEndian.Uint32(b[20:])
	if n < batchHead || uint64(n) > uint64(len(b)) || crc32.Checksum(b[8:n], castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
		return nil, 0, false
	}
	count, rest := binary.LittleEndian.Uint32(b[24:]), b[batchHead:n]
	for range count {
		r, next, err := parseRecord(rest)
		if err != nil {
			return nil, 0, false
		}
		records, rest = append(records, r), next
	}
	return records, batchSize(int(n) - batchHead), len(rest) == 0
}
