package s3wire

import (
	"math/rand/v2"
	"net/http"
	"testing"
)

// S0-30: checksums. Values of "the object data" that two independent implementations agree on.
func TestChecksumsOfKnownText(t *testing.T) {
	t.Parallel()
	for a, want := range map[Algorithm]string{
		CRC32: "z3mWAA==", CRC32C: "rxvjPA==", CRC64NVME: "dYnI3/Fh0gM=", SHA1: "8O8FwCfmd5fCbCBvH09mrKMVoHU=",
		SHA256:   "OoSow5X4zTIPl27MtdFdYT+9O3C367C75+Cb2MFtRBc=",
		SHA512:   "uiz+VuENyLjzFxWrdmbN/NdIdldj/V3saJF6FsckcYu6xu26fM0CfAaTySaoFJmIdI2m5wbYMJxtShQ1PXk3Tg==",
		MD5:      "EtWtthXtCk3RxUiXKw+ydw==",
		XXHASH64: "McmxUfNFLUs=", XXHASH3: "tLh+aNltTM4=", XXHASH128: "MXqrLVobrQkTBf82+7i9AQ==",
	} {
		h := a.New()
		h.Write([]byte("the object data"))
		c := Checksum{Algorithm: a, Sum: h.Sum(nil)}
		if c.String() != want || h.Size() != a.Size() {
			t.Errorf("%s is %s (%d bytes), want %s", a, c, h.Size(), want)
		}
		if back, err := ParseChecksum(a, want); err != nil || back.String() != want {
			t.Errorf("%s does not come back: %v, %v", a, back, err)
		}
	}
}

func TestPartsOfCRCCombineToTheWhole(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for _, a := range []Algorithm{CRC32, CRC32C, CRC64NVME} {
		for range 50 {
			whole, parts := a.New(), []PartSum(nil)
			for range 1 + rng.IntN(6) {
				piece := make([]byte, rng.IntN(100_000)/(1+rng.IntN(1000)))
				for i := range piece {
					piece[i] = byte(rng.Uint32())
				}
				h := a.New()
				h.Write(piece)
				whole.Write(piece)
				parts = append(parts, PartSum{h.Sum(nil), int64(len(piece))})
			}
			got, err := Join(a, FullObject, parts)
			if want := (Checksum{Algorithm: a, Sum: whole.Sum(nil)}); err != nil || got.String() != want.String() {
				t.Fatalf("%s of %d parts: %s, %v; direct %s", a, len(parts), got, err, want)
			}
		}
	}
}

func TestCompositeIsTheChecksumOfChecksums(t *testing.T) {
	t.Parallel()
	one, two, both := SHA256.New(), SHA256.New(), SHA256.New()
	one.Write([]byte("a"))
	two.Write([]byte("b"))
	both.Write(append(one.Sum(nil), two.Sum(nil)...))
	got, err := Join(SHA256, Composite, []PartSum{{one.Sum(nil), 1}, {two.Sum(nil), 1}})
	want := Checksum{Algorithm: SHA256, Sum: both.Sum(nil), Parts: 2}
	if err != nil || got.String() != want.String() || got.Type() != Composite {
		t.Errorf("composite %s, %v; want %s", got, err, want)
	}
	if back, err := ParseChecksum(SHA256, got.String()); err != nil || back.Parts != 2 {
		t.Errorf("composite does not come back: %v, %v", back, err)
	}
}

func TestChecksumTypesThatS3Refuses(t *testing.T) {
	t.Parallel()
	if SHA1.CheckType(FullObject) == nil || CRC64NVME.CheckType(Composite) == nil {
		t.Error("impossible pair accepted")
	}
	if CRC32C.CheckType(FullObject) != nil || CRC32C.CheckType(Composite) != nil || CRC64NVME.CheckType(FullObject) != nil {
		t.Error("possible pair refused")
	}
	if _, err := Join(CRC32, FullObject, []PartSum{{[]byte("short"), 1}}); AsError(err).Code != InvalidPart {
		t.Errorf("sum of wrong length: %v", err)
	}
}

func TestChecksumHeadersAreReadStrictly(t *testing.T) {
	t.Parallel()
	header := func(kv ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(kv); i += 2 {
			h.Add(kv[i], kv[i+1])
		}
		return h
	}
	for name, test := range map[string]struct {
		h    http.Header
		code Code
	}{
		"none":               {header("X-Amz-Checksum-Mode", "ENABLED", "X-Amz-Checksum-Type", "COMPOSITE"), ""},
		"one":                {header("x-amz-checksum-crc32", "z3mWAA=="), ""},
		"one and its name":   {header("x-amz-checksum-crc32", "z3mWAA==", "x-amz-sdk-checksum-algorithm", "crc32"), ""},
		"trailer":            {header("x-amz-trailer", "x-amz-checksum-sha256"), ""},
		"two":                {header("x-amz-checksum-crc32", "z3mWAA==", "x-amz-checksum-crc32c", "rxvjPA=="), InvalidRequest},
		"header and trailer": {header("x-amz-checksum-crc32", "z3mWAA==", "x-amz-trailer", "x-amz-checksum-crc32"), InvalidRequest},
		"unknown":            {header("x-amz-checksum-crc16", "z3mWAA=="), InvalidRequest},
		"unknown trailer":    {header("x-amz-trailer", "x-amz-meta-a"), InvalidRequest},
		"other name":         {header("x-amz-checksum-crc32", "z3mWAA==", "x-amz-sdk-checksum-algorithm", "SHA1"), InvalidRequest},
		"name alone":         {header("x-amz-sdk-checksum-algorithm", "SHA1"), InvalidRequest},
		"bad base64":         {header("x-amz-checksum-crc32", "z3mWA"), InvalidRequest},
		"bad length":         {header("x-amz-checksum-crc32", "z3mW"), InvalidRequest},
		"empty":              {header("x-amz-checksum-crc32", ""), InvalidRequest},
	} {
		_, err := HeaderChecksum(test.h)
		if got := codeOf(err); got != test.code {
			t.Errorf("%s: %q, want %q (%v)", name, got, test.code, err)
		}
	}
}

func codeOf(err error) Code {
	if err == nil {
		return ""
	}
	return AsError(err).Code
}
