package coursegen

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// Options say what course to make. The zero value is a course of 20 questions.
type Options struct {
	Seed        uint64   // equal seeds make equal courses
	Questions   int      // 20 when 0
	ServerFiles Bulk     // of serverFilesCourse; zero: 0.7 files and 15 KB for each question
	Format      string   // of object ids: "sha1" (when empty) or "sha256"
	Root        string   // directory of the course below the root of the repository; "" is the root itself
	Branch      string   // "main" when empty
	Checkout    bool     // make a repository with a working tree, not a bare one
	Oddities    []Oddity // see Oddities and Unfetchable
	BigBytes    int64    // size of what the oddities big-file and bomb hold, in bytes; 8 MiB when 0
	ManyFiles   int      // files of the oddity many-files; 3,000 when 0
	Depth       int      // directories of the oddity deep; 200 when 0
}

// Bulk is a number of files and their size together.
type Bulk struct {
	Count int
	Bytes int64
}

// Mega is the size of the largest course that was measured: 1,772 questions of several courses joined, 7,800 files, 107 MB.
func Mega(seed uint64) Options {
	return Options{Seed: seed, Questions: 1772, ServerFiles: Bulk{Count: 1209, Bytes: 26_800_000}}
}

func (o Options) withDefaults() Options {
	if o.Questions == 0 {
		o.Questions = 20
	}
	if o.ServerFiles == (Bulk{}) {
		o.ServerFiles = Bulk{Count: 1 + o.Questions*7/10, Bytes: 2048 + int64(o.Questions)*15_000}
	}
	if o.Format == "" {
		o.Format = "sha1"
	}
	if o.Branch == "" {
		o.Branch = "main"
	}
	if o.BigBytes == 0 {
		o.BigBytes = 8 << 20
	}
	if o.ManyFiles == 0 {
		o.ManyFiles = 3000
	}
	if o.Depth == 0 {
		o.Depth = 200
	}
	o.Root = strings.Trim(path.Clean("/"+o.Root), "/")
	return o
}

func (o Options) validate() error {
	switch {
	case o.Format != "sha1" && o.Format != "sha256":
		return fmt.Errorf("the object format %q is neither sha1 nor sha256", o.Format)
	case o.Questions < 0 || o.ServerFiles.Count < 0 || o.ServerFiles.Bytes < 0:
		return fmt.Errorf("a negative size: %+v", o)
	}
	if o.Checkout && len(o.Oddities) > 0 {
		return errors.New("oddities have no place in a working tree")
	}
	for _, odd := range o.Oddities {
		if _, ok := effects()[odd]; !ok {
			return fmt.Errorf("there is no oddity %q", odd)
		}
	}
	return nil
}
