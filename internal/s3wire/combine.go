package s3wire

import "encoding/binary"

// A CRC is the remainder of a polynomial over GF(2). The CRC of A followed by B is that of A moved up by the length of
// B, which is a multiplication by x to the power of 8·len(B), plus that of B (the initial and final complements, all
// ones, cancel out). Polynomials are written as the CRCs are, reflected: the highest bit is x^0.

// crcPolynomial returns an algorithm's polynomial and its highest bit.
func crcPolynomial(a Algorithm) (poly, top uint64) {
	switch a {
	case CRC32:
		return 0xEDB88320, 1 << 31
	case CRC32C:
		return 0x82F63B78, 1 << 31
	}
	return 0x9A6C9329AC4BC9B5, 1 << 63 // CRC64NVME
}

// combineCRC returns the CRC of two pieces of which the second is size bytes long.
func combineCRC(a Algorithm, first, second uint64, size int64) uint64 {
	poly, top := crcPolynomial(a)
	shift := top       // x^0
	square := top >> 1 // x^1
	for range 3 {      // x^8: lengths are in bytes
		square = multiply(square, square, poly, top)
	}
	for n := uint64(size); n != 0; n >>= 1 {
		if n&1 != 0 {
			shift = multiply(shift, square, poly, top)
		}
		square = multiply(square, square, poly, top)
	}
	return multiply(shift, first, poly, top) ^ second
}

// multiply returns a·b modulo the polynomial.
func multiply(a, b, poly, top uint64) (product uint64) {
	for bit := top; bit != 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		if b&1 != 0 {
			b = b>>1 ^ poly
		} else {
			b >>= 1
		}
	}
	return product
}

// MaxParts is the most parts that a multipart upload has.
const MaxParts = 10000

// PartSum is the checksum of one part and the part's length in bytes.
type PartSum struct {
	Sum  []byte
	Size int64
}

// Join makes the checksum of a whole multipart object of those of its parts, in order.
func Join(a Algorithm, t ChecksumType, parts []PartSum) (Checksum, error) {
	if err := a.CheckType(t); err != nil {
		return Checksum{}, err
	}
	for _, p := range parts {
		if len(p.Sum) != a.Size() {
			return Checksum{}, InvalidPart.New()
		}
	}
	if t == Composite {
		h := a.New()
		for _, p := range parts {
			h.Write(p.Sum)
		}
		return Checksum{Algorithm: a, Sum: h.Sum(nil), Parts: len(parts)}, nil
	}
	var whole uint64
	for _, p := range parts {
		whole = combineCRC(a, whole, crcValue(p.Sum), p.Size)
	}
	return Checksum{Algorithm: a, Sum: crcBytes(whole, a.Size())}, nil
}

func crcValue(sum []byte) uint64 {
	if len(sum) == 4 {
		return uint64(binary.BigEndian.Uint32(sum))
	}
	return binary.BigEndian.Uint64(sum)
}

func crcBytes(v uint64, size int) []byte {
	return binary.BigEndian.AppendUint64(nil, v)[8-size:]
}
