package cache

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// A file is: content, record, footer; and any number of further records and footers, of which the last counts.
//
//	record  key, tags, until and meta, each with its length
//	footer  magic (8), length of the content (8), length of the record (4), CRC-32C of content, record and the 24 bytes before
//	        (4 each, the content's first)
//
// Numbers are big-endian, lengths within the record uvarints.
const (
	diskMagic  = "HFcache1"
	footerSize = 8 + 8 + 4 + 4 + 4 + 4
	// maxRecord bounds what an owner may say about an entry, in bytes.
	maxRecord = 1 << 20
	tempDir   = "tmp"
)

// castagnoli is the polynomial that processors compute.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// errDamaged is what is wrong with a file that is not what was written.
var errDamaged = errors.New("damaged")

// record is what stands behind the content.
type record struct {
	key   string
	tags  []string
	until int64
	meta  []byte
}

// footer is the end of a file.
type footer struct {
	body, record       int64
	bodySum, recordSum uint32
}

func (d *Disk) path(n name) string {
	text := hex.EncodeToString(n[:])
	return filepath.Join(d.o.Dir, text[:2], text)
}

// encode returns record and footer as they are written.
func (r record) encode(body int64, bodySum uint32) []byte {
	b := binary.AppendUvarint(nil, uint64(len(r.key)))
	b = append(b, r.key...)
	b = binary.AppendUvarint(b, uint64(len(r.tags)))
	for _, t := range r.tags {
		b = binary.AppendUvarint(b, uint64(len(t)))
		b = append(b, t...)
	}
	b = binary.AppendVarint(b, r.until)
	b = binary.AppendUvarint(b, uint64(len(r.meta)))
	b = append(b, r.meta...)
	n, sum := len(b), crc32.Checksum(b, castagnoli())
	at := len(b)
	b = append(b, diskMagic...)
	b = binary.BigEndian.AppendUint64(b, uint64(body))
	b = binary.BigEndian.AppendUint32(b, uint32(n)) //nolint:gosec // bounded by maxRecord
	b = binary.BigEndian.AppendUint32(b, bodySum)
	b = binary.BigEndian.AppendUint32(b, sum)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[at:], castagnoli()))
}

// readEnd reads the last record and footer of a file of a length.
func readEnd(f io.ReaderAt, end int64) (record, footer, error) {
	foot, err := readFooter(f, end)
	if err != nil {
		return record{}, footer{}, err
	}
	b := make([]byte, foot.record)
	if _, err := f.ReadAt(b, end-footerSize-foot.record); err != nil || crc32.Checksum(b, castagnoli()) != foot.recordSum {
		return record{}, footer{}, errDamaged
	}
	r, err := decode(b)
	return r, foot, err
}

func readFooter(f io.ReaderAt, end int64) (footer, error) {
	var b [footerSize]byte
	if end < footerSize {
		return footer{}, errDamaged
	}
	if _, err := f.ReadAt(b[:], end-footerSize); err != nil || string(b[:8]) != diskMagic {
		return footer{}, errDamaged
	}
	if crc32.Checksum(b[:footerSize-4], castagnoli()) != binary.BigEndian.Uint32(b[footerSize-4:]) {
		return footer{}, errDamaged
	}
	foot := footer{
		body:    int64(binary.BigEndian.Uint64(b[8:])), //nolint:gosec // checked below
		record:  int64(binary.BigEndian.Uint32(b[16:])),
		bodySum: binary.BigEndian.Uint32(b[20:]), recordSum: binary.BigEndian.Uint32(b[24:]),
	}
	if foot.body < 0 || foot.record > maxRecord || foot.body > end-footerSize-foot.record {
		return footer{}, errDamaged
	}
	return foot, nil
}

// decode reads a record whose checksum was right.
func decode(b []byte) (r record, err error) {
	text := func() []byte {
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w) {
			err = errDamaged
			return nil
		}
		out := b[w : w+int(n)] //nolint:gosec // bounded by len(b)
		b = b[w+int(n):]       //nolint:gosec // as above
		return out
	}
	r.key = string(text())
	count, w := binary.Uvarint(b)
	if err != nil || w <= 0 || count > uint64(len(b)) {
		return r, errDamaged
	}
	b = b[w:]
	for range count {
		if r.tags = append(r.tags, string(text())); err != nil {
			return r, err
		}
	}
	until, w := binary.Varint(b)
	if w <= 0 {
		return r, errDamaged
	}
	r.until, b = until, b[w:]
	r.meta = text()
	return r, err
}

// checkBody compares the content with its checksum.
func checkBody(f io.ReaderAt, foot footer) error {
	sum := crc32.New(castagnoli())
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, foot.body)); err != nil {
		return err
	}
	if sum.Sum32() != foot.bodySum {
		return errDamaged
	}
	return nil
}

// ours reports whether a file's name is one that we give, and which.
func ours(text string) (n name, ok bool) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(n) {
		return n, false
	}
	return name(b), true
}

func isMissing(err error) bool { return errors.Is(err, os.ErrNotExist) }
