package objects_test

import (
	"bytes"
	"crypto/md5" //nolint:gosec // S3's ETag is an MD5
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/objects"
)

// begin makes an upload of the key "k".
func begin(t testing.TB, x *objects.Index, changes ...func(*objects.Upload)) objects.Upload {
	t.Helper()
	u := objects.Upload{Bucket: "bucket", Key: "k", AccessKey: "HFTEST"}
	for _, change := range changes {
		change(&u)
	}
	u, err := x.CreateUpload(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// part stores a part with its CRC32 and returns what the client would list.
func part(t testing.TB, x *objects.Index, u objects.Upload, number int, text string) objects.CompletePart {
	t.Helper()
	sum := crc32Of(text)
	p, err := x.PutPart(t.Context(), u, number, int64(len(text)), strings.NewReader(text), func() (string, []byte) { return "CRC32", sum })
	if err != nil {
		t.Fatal(err)
	}
	return objects.CompletePart{Number: number, ETag: p.ETag, Checksum: sum}
}

func crc32Of(text string) []byte {
	v := crc32.ChecksumIEEE([]byte(text))
	return []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
}

func joined(parts ...objects.CompletePart) string {
	h := md5.New() //nolint:gosec // see import
	for _, p := range parts {
		var sum []byte
		_, _ = fmt.Sscanf(p.ETag, "%x", &sum)
		h.Write(sum)
	}
	return fmt.Sprintf("%x-%d", h.Sum(nil), len(parts))
}

func TestAnUploadBecomesTheObjectOfItsParts(t *testing.T) {
	t.Parallel()
	w, x := running(t)
	u := begin(t, x, func(u *objects.Upload) {
		u.Algorithm = "CRC32"
		u.Put.Headers = objects.Headers{ContentType: "application/pdf"}
		u.Put.Tags = map[string]string{"a": "b"}
	})
	part(t, x, u, 1, "replaced by a later one")
	three := part(t, x, u, 3, "third")
	part(t, x, u, 2, "never listed and dropped")
	one := part(t, x, u, 1, "%PDF-1.4 first part ")
	list, more, err := x.ListParts(t.Context(), u, 0, 2)
	if err != nil || !more || len(list) != 2 || list[1].Number != 2 {
		t.Errorf("%+v, %v, %v", list, more, err)
	}
	text := "%PDF-1.4 first part third"
	o, err := x.CompleteUpload(t.Context(), u, []objects.CompletePart{one, three}, objects.Condition{}, crc32Of(text))
	if err != nil {
		t.Fatal(err)
	}
	head, err := x.Head(t.Context(), ref("k"))
	switch {
	case err != nil:
		t.Fatal(err)
	case contents(t, x, head) != text, head.ETag != joined(one, three), head.Generation != o.Generation, head.Sniffed != "application/pdf":
		t.Errorf("%+v", head)
	case head.Digests.Parts != 2, !slices.Equal(head.Digests.PartSizes, []int64{20, 5}), head.Digests.Composite:
		t.Errorf("%+v", head.Digests)
	case !bytes.Equal(head.Digests.Checksum, crc32Of(text)), head.Tags["a"] != "b", head.Headers.ContentType != "application/pdf":
		t.Errorf("%+v", head)
	}
	eventually(t, "no parts", func() bool { return count(t, w, "parts/") == 0 })
	again, err := x.CompleteUpload(t.Context(), u, []objects.CompletePart{one, three}, objects.Condition{}, nil)
	if err != nil || again.Generation != o.Generation {
		t.Errorf("completed again: %+v, %v", again, err)
	}
	if u, err = x.GetUpload(t.Context(), "bucket", "k", u.ID); err != nil || !u.Completed {
		t.Errorf("%+v, %v", u, err)
	}
	_, err = x.CompleteUpload(t.Context(), u, []objects.CompletePart{one}, objects.Condition{}, nil)
	want(t, err, objects.ErrNoSuchUpload)
	_, err = x.PutPart(t.Context(), u, 1, 1, strings.NewReader("x"), nil)
	want(t, err, objects.ErrNoSuchUpload)
	want(t, x.AbortUpload(t.Context(), u), objects.ErrNoSuchUpload)
	put(t, x, "k", "replaced")
	_, err = x.CompleteUpload(t.Context(), u, []objects.CompletePart{one, three}, objects.Condition{}, nil)
	want(t, err, objects.ErrNoSuchUpload)
}

func TestACompositeChecksumIsMadeOfThoseOfTheParts(t *testing.T) {
	t.Parallel()
	_, x := running(t)
	u := begin(t, x, func(u *objects.Upload) { u.Algorithm, u.Composite = "CRC32", true })
	one, two := part(t, x, u, 1, "0123456789"), part(t, x, u, 2, "abc")
	o, err := x.CompleteUpload(t.Context(), u, []objects.CompletePart{one, two}, objects.Condition{}, nil)
	wanted := crc32Of(string(one.Checksum) + string(two.Checksum))
	if err != nil || !o.Digests.Composite || !bytes.Equal(o.Digests.Checksum, wanted) {
		t.Errorf("%+v, %v", o.Digests, err)
	}
}

func TestACompletionThatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	w, x := running(t)
	u := begin(t, x, func(u *objects.Upload) { u.Algorithm = "CRC32" })
	one, two, small := part(t, x, u, 1, "0123456789"), part(t, x, u, 2, "abcdefghij"), part(t, x, u, 3, "x")
	other := one
	other.ETag = two.ETag
	wrong := one
	wrong.Checksum = two.Checksum
	missing := one
	missing.Number = 9
	broken := one
	broken.ETag = "not hex"
	for _, c := range []struct {
		name  string
		parts []objects.CompletePart
		cond  objects.Condition
		whole []byte
		err   error
	}{
		{"none", nil, objects.Condition{}, nil, objects.ErrInvalidPart},
		{"order", []objects.CompletePart{two, one}, objects.Condition{}, nil, objects.ErrInvalidPartOrder},
		{"twice", []objects.CompletePart{one, one}, objects.Condition{}, nil, objects.ErrInvalidPartOrder},
		{"ETag of another", []objects.CompletePart{other, two}, objects.Condition{}, nil, objects.ErrInvalidPart},
		{"no ETag", []objects.CompletePart{broken}, objects.Condition{}, nil, objects.ErrInvalidPart},
		{"checksum", []objects.CompletePart{wrong}, objects.Condition{}, nil, objects.ErrInvalidPart},
		{"missing", []objects.CompletePart{missing}, objects.Condition{}, nil, objects.ErrInvalidPart},
		{"small in the middle", []objects.CompletePart{one, small, {Number: 4, ETag: one.ETag}}, objects.Condition{}, nil, objects.ErrPartTooSmall},
		{"whole", []objects.CompletePart{one, two}, objects.Condition{}, []byte{1, 2, 3, 4}, objects.ErrBadDigest},
		{"condition", []objects.CompletePart{one}, objects.Condition{IfMatch: "x"}, nil, objects.ErrNoSuchKey},
	} {
		if c.name == "small in the middle" {
			part(t, x, u, 4, "0123456789")
		}
		_, err := x.CompleteUpload(t.Context(), u, c.parts, c.cond, c.whole)
		if err == nil {
			t.Errorf("%s: accepted", c.name)
		}
		want(t, err, c.err)
	}
	if n := count(t, w, "blobs/"); n != 0 {
		t.Errorf("%d blobs were left", n)
	}
	if _, err := x.CompleteUpload(t.Context(), u, []objects.CompletePart{one, two, small}, objects.Condition{IfNoneMatch: "*"}, nil); err != nil {
		t.Errorf("after all refusals: %v", err)
	}
}

func TestOfManyCompletionsOneMakesTheObjectAndAllReturnIt(t *testing.T) {
	t.Parallel()
	w, a := running(t, objects.Bucket{Name: "bucket", Versioning: objects.VersioningEnabled})
	both := []*objects.Index{a, w.start()}
	u := begin(t, a)
	parts := []objects.CompletePart{part(t, a, u, 1, "0123456789"), part(t, a, u, 2, "abc")}
	gens := make([]objects.Generation, 12)
	crowd(len(gens), func(i int) {
		o, err := both[i%2].CompleteUpload(t.Context(), u, parts, objects.Condition{}, nil)
		if err != nil {
			t.Error(err)
		}
		gens[i] = o.Generation
	})
	if len(slices.Compact(gens)) != 1 {
		t.Errorf("%v", gens)
	}
	eventually(t, "one blob", func() bool { return count(t, w, "") == 1 })
}

func TestAnAbortedUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	w, x := running(t)
	u := begin(t, x)
	p := part(t, x, u, 1, "0123456789")
	if err := x.AbortUpload(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no blobs", func() bool { return count(t, w, "") == 0 })
	want(t, x.AbortUpload(t.Context(), u), objects.ErrNoSuchUpload)
	_, err := x.GetUpload(t.Context(), "bucket", "k", u.ID)
	want(t, err, objects.ErrNoSuchUpload)
	_, err = x.PutPart(t.Context(), u, 1, 1, strings.NewReader("x"), nil)
	want(t, err, objects.ErrNoSuchUpload)
	_, err = x.CompleteUpload(t.Context(), u, []objects.CompletePart{p}, objects.Condition{}, nil)
	want(t, err, objects.ErrNoSuchUpload)
	_, _, err = x.ListParts(t.Context(), u, 0, 10)
	want(t, err, objects.ErrNoSuchUpload)
	for _, id := range []string{"", "x", strings.Repeat("0", 32), strings.Repeat("A", 32)} {
		_, err = x.GetUpload(t.Context(), "bucket", "k", id)
		want(t, err, objects.ErrNoSuchUpload)
	}
	if n := count(t, w, ""); n != 0 {
		t.Errorf("%d blobs were left", n)
	}
}

func TestAPartIsCopiedFromARangeOfAnObject(t *testing.T) {
	t.Parallel()
	_, x := running(t)
	src := put(t, x, "src", "0123456789abcdef")
	u := begin(t, x, func(u *objects.Upload) { u.Algorithm = "CRC32" })
	one, err := x.CopyPart(t.Context(), u, 1, src, 2, 10)
	if err != nil || !bytes.Equal(one.Checksum, crc32Of("23456789ab")) {
		t.Fatalf("%+v, %v", one, err)
	}
	two, err := x.CopyPart(t.Context(), u, 2, src, 14, -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = x.CopyPart(t.Context(), u, 3, src, 10, 7); err == nil {
		t.Error("a range beyond the end was copied")
	}
	_, err = x.CompleteUpload(t.Context(), u, []objects.CompletePart{{Number: 1, ETag: one.ETag}, {Number: 2, ETag: two.ETag}}, objects.Condition{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, x, ref("k")); got != "23456789abef" {
		t.Errorf("%q", got)
	}
}

func TestUploadsAreListedByKeyThenID(t *testing.T) {
	t.Parallel()
	_, x := running(t)
	var wanted []string
	for _, key := range []string{"a", "b", "b", "b", "d/1", "d/2", "e"} {
		u := begin(t, x, func(u *objects.Upload) { u.Key = key })
		wanted = append(wanted, key+" "+u.ID)
	}
	slices.Sort(wanted)
	wanted = slices.DeleteFunc(wanted, func(s string) bool { return s[0] == 'd' })
	wanted = slices.Insert(wanted, 4, "d/")
	for limit := 1; limit <= 8; limit++ {
		var got []string
		q := objects.ListQuery{Bucket: "bucket", Delimiter: "/", Limit: limit}
		for id := ""; ; {
			uploads, prefixes, nextKey, nextID, err := x.ListUploads(t.Context(), q, id)
			if err != nil || len(uploads)+len(prefixes) > limit || len(got) > 20 {
				t.Fatalf("%v, %d uploads, %d prefixes", err, len(uploads), len(prefixes))
			}
			page := prefixes
			for _, u := range uploads {
				page = append(page, u.Key+" "+u.ID)
			}
			slices.Sort(page)
			got = append(got, page...)
			if q.After, id = nextKey, nextID; nextKey == "" {
				break
			}
		}
		if !slices.Equal(got, wanted) {
			t.Errorf("limit %d:\ngot  %q\nwant %q", limit, got, wanted)
		}
	}
}

func TestUploadsThatNobodyCompletesAreEnded(t *testing.T) {
	t.Parallel()
	w, x := running(t)
	u := begin(t, x)
	part(t, x, u, 1, "0123456789")
	fresh := begin(t, x)
	w.pg.Exec(t, "UPDATE holdfast.uploads SET initiated = now() - interval '25 hours' WHERE id = '"+u.ID+"'")
	eventually(t, "no part", func() bool { return count(t, w, "") == 0 })
	_, err := x.GetUpload(t.Context(), "bucket", "k", u.ID)
	want(t, err, objects.ErrNoSuchUpload)
	if _, err := x.GetUpload(t.Context(), "bucket", "k", fresh.ID); err != nil {
		t.Error(err)
	}
}

// Row S1-46: a slot is one object once, within its limits, and survives a failed try.
func TestASlotIsUsedUpByTheUploadThatSucceeds(t *testing.T) {
	t.Parallel()
	w, x := running(t)
	s, err := x.CreateSlot(t.Context(), objects.Slot{
		Bucket: "bucket", Key: "mine", MaxSize: 100, Type: "image/*", Expires: time.Now().Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	try := func(text string) error {
		_, err := x.PutSlot(t.Context(), s.ID, objects.Put{Bucket: "other", Key: "other", Size: -1, Body: strings.NewReader(text)})
		return err
	}
	png := "\x89PNG\r\n\x1a\n"
	want(t, try(png+randomText(200)), objects.ErrTooLarge)
	want(t, try("<html>"), objects.ErrTypeNotAllowed)
	if got, err := x.Slot(t.Context(), s.ID); err != nil || got.Key != "mine" || got.MaxSize != 100 {
		t.Errorf("%+v, %v", got, err)
	}
	errs := make([]error, 10)
	crowd(len(errs), func(i int) { errs[i] = try(png) })
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			want(t, err, objects.ErrSlotUsed)
		}
	}
	if won != 1 || read(t, x, ref("mine")) != png {
		t.Errorf("%d won", won)
	}
	want(t, try(png), objects.ErrSlotUsed)
	late, err := x.CreateSlot(t.Context(), objects.Slot{Bucket: "bucket", Key: "late", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	w.pg.Exec(t, "UPDATE holdfast.slots SET expires = now() WHERE id = '"+late.ID+"'")
	_, err = x.PutSlot(t.Context(), late.ID, objects.Put{Size: -1, Body: strings.NewReader("x")})
	want(t, err, objects.ErrSlotExpired)
	_, err = x.Slot(t.Context(), strings.Repeat("0", 32))
	want(t, err, objects.ErrNoSuchSlot)
}
