package exposure

import (
	"net/url"
	"slices"
	"strings"
)

// kind says what a probe is after.
type kind int

const (
	page   kind = iota // a page of the site: only a listing is wrong
	folder             // a directory of uploads
	object             // the name of a file in a private bucket
	git                // the repository
	env                // secrets of the application
)

// probe is one path that should not be answered.
type probe struct {
	kind kind
	path string
	size int64  // of an object
	name string // of an object: BUCKET/KEY
}

// Object is a file of a private bucket.
type Object struct {
	Bucket, Key string
	Size        int64
}

// maxProbes bounds the requests to one site, the control not counted.
const maxProbes = 80

// folders are where applications and web servers put uploads (E-12), and where Holdfast has them.
func folders(media string) []string {
	all := []string{"/uploads/", "/media/", "/files/", "/static/uploads/"}
	if media != "" && !slices.Contains(all, media) {
		all = append(all, media)
	}
	return all
}

// probes lists what a site is asked for, the most telling first.
func probes(media string, objects []Object) []probe {
	all := []probe{{kind: page, path: "/"}, {kind: page, path: "/static/"}, {kind: git, path: "/.git/HEAD"}, {kind: env, path: "/.env"}}
	for _, f := range folders(media) {
		all = append(all, probe{kind: folder, path: f})
	}
	for _, o := range objects {
		for _, f := range folders(media) {
			name := o.Bucket + "/" + o.Key
			all = append(all,
				probe{object, f + escape(name), o.Size, name},
				probe{object, f + escape(o.Key), o.Size, name})
		}
	}
	return all[:min(len(all), maxProbes)]
}

// escape writes a key as a path.
func escape(key string) string {
	return strings.TrimPrefix((&url.URL{Path: "/" + key}).EscapedPath(), "/")
}
