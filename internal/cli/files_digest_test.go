package cli

import (
	"strings"
	"testing"

	"holdfast/internal/files"
)

// Of what S3 clients uploaded SHA-256 may not be known, or nothing: then content is compared by MD5, or never the same.
func TestContentIsComparedByTheBestDigestThatIsKnown(t *testing.T) {
	t.Parallel()
	const (
		sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
		md5 = "900150983cd24fb0d6963f7d28e17f72"
	)
	for name, test := range map[string]struct {
		info files.ObjectInfo
		same bool
	}{
		"both":            {files.ObjectInfo{SHA256: sha, MD5: md5}, true},
		"MD5 alone":       {files.ObjectInfo{MD5: md5}, true},
		"another SHA-256": {files.ObjectInfo{SHA256: sha[1:] + "0", MD5: md5}, false},
		"another MD5":     {files.ObjectInfo{MD5: md5[1:] + "0"}, false},
		"nothing known":   {files.ObjectInfo{}, false},
	} {
		if got := sameContent(strings.NewReader("abc"), test.info); got != test.same {
			t.Errorf("%s: the same %t", name, got)
		}
	}
}
