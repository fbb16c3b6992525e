package coursegen

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
)

// oddQuestion is the question that holds an oddity: ordinary files, and what is odd about it.
type oddQuestion struct {
	files []file     // paths below the question's directory
	raw   []rawEntry // if there are any, the directory is a raw tree with the ordinary files and these
	mode  string     // of the question itself, when it is no directory, with files[0] as its content
}

// lfs is what Git LFS leaves in place of a file (its specification, version 1).
const lfs = "version https://git-lfs.github.com/spec/v1\n" +
	"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"

func (m *maker) texts(paths ...string) oddQuestion {
	var q oddQuestion
	for _, p := range paths {
		q.files = append(q.files, text(p, m.prose(40)))
	}
	return q
}

// odd returns what an oddity puts into its question, if it does so with files alone.
func (m *maker) odd(o Oddity, opt Options) oddQuestion {
	link := func(path, target string) oddQuestion {
		return oddQuestion{files: []file{{path: path, content: []byte(target), link: true}}}
	}
	switch o {
	case Executable:
		return oddQuestion{files: []file{{path: "run.sh", content: []byte("#!/bin/sh\n"), exec: true}}}
	case EmptyFile:
		return oddQuestion{files: []file{text("__init__.py", ""), text("tests/__init__.py", "")}}
	case NameSpaces:
		return m.texts("two words.txt", " first.txt", "last.txt ", "a directory/of it")
	case NameQuotes:
		return m.texts(`"quoted".txt`, "it's.txt", `back\slash.txt`, "tab\there.txt", "new\nline.txt")
	case NameBytes:
		return m.texts("caf\xe9.txt")
	case NameNonASCII:
		return m.texts("Lösung.txt", "解答/図.txt", "🙂.txt")
	case LinkInside:
		return link("sub/page.html", "../question.html")
	case LinkDangling:
		return link("answer.txt", "nowhere.txt")
	case LinkCourse:
		return link("readme", "../../../README.md")
	case LinkEscape:
		return link("passwords", strings.Repeat("../", 12)+"etc/passwd")
	case LinkAbsolute:
		return link("passwords", "/etc/passwd")
	case LinkChain:
		q := link("a/b/c/d/e/f/g/up", "../../../../../../..")
		q.files = append(q.files, link("out", "a/b/c/d/e/f/g/up/../../../../passwords").files...)
		return q
	case LFSPointer:
		return oddQuestion{files: []file{text("video.mp4", lfs)}}
	case LinkChunk:
		return oddQuestion{mode: "120000", files: []file{text("", "../../elements")}}
	case FileChunk:
		return oddQuestion{mode: "100644", files: []file{text("", "no question\n")}}
	}
	return m.oddMore(o, opt)
}

// oddMore is odd, continued.
func (m *maker) oddMore(o Oddity, opt Options) oddQuestion {
	switch o {
	case CaseCollision:
		return m.texts("figure.txt", "Figure.txt")
	case UnicodeCollision:
		return m.texts("caf\u00e9.txt", "cafe\u0301.txt")
	case NestedQuestion:
		return oddQuestion{files: []file{info("inner/info.json", map[string]any{"uuid": m.uuid(), "title": "Inner"}), text("inner/question.html", "inner\n")}}
	case BrokenInfo:
		return oddQuestion{files: []file{text("info.json", "{\"title\": \"no end\n")}}
	case TemplateCycle:
		other := o.Question() + "-other"
		return oddQuestion{files: []file{
			info("info.json", map[string]any{"uuid": m.uuid(), "title": "One", "template": other}),
			info("../template-cycle-other/info.json", map[string]any{"uuid": m.uuid(), "title": "Other", "template": o.Question()}),
		}}
	case Attributes:
		return oddQuestion{files: []file{
			text(".gitattributes", "hidden.txt export-ignore\nsubst.txt export-subst ident\n*.bat text eol=crlf\n*.bin filter=lfs\n"),
			text("hidden.txt", "here\n"), text("subst.txt", "$Format:%H$ $Id$\n"), text("run.bat", "echo\n"), text("data.bin", "bin\r\n\r"),
		}}
	case Deep:
		return m.texts(strings.Repeat("d/", opt.Depth) + "bottom.txt")
	case BigFile:
		return oddQuestion{files: []file{{path: "big.bin", content: m.bytes(int(opt.BigBytes))}}}
	case Bomb:
		return oddQuestion{files: []file{{path: "zeros.bin", content: make([]byte, opt.BigBytes)}}}
	case ManyFiles:
		q := oddQuestion{files: make([]file, 0, opt.ManyFiles)}
		for i := range opt.ManyFiles {
			q.files = append(q.files, text(fmt.Sprintf("many/%02d/%d.txt", i%50, i), fmt.Sprintln(i)))
		}
		return q
	}
	return oddQuestion{}
}

// oddNames are names that fast-import may refuse, so that their trees are made by hand.
var oddNames = map[Oddity]string{
	NameDotGit: ".git", NameNTFS: "git~1", NameHFS: ".g\u200cit", NameDot: ".", NameDotDot: "..", NameSlash: "../../escaped",
	NameLong: strings.Repeat("long", 75),
}

// oddRaw returns the entries of an oddity that lies in the tree itself; a and b are contents.
func (c *Course) oddRaw(ctx context.Context, o Oddity, a, b string) ([]rawEntry, error) {
	if name, ok := oddNames[o]; ok {
		return []rawEntry{{"100644", name, a}}, nil
	}
	switch o {
	case LegacyModes:
		sub, err := c.tree(ctx, []rawEntry{{"100664", "old.txt", a}})
		return []rawEntry{{"100664", "shared.txt", b}, {"040000", "sub", sub}}, err
	case Submodule:
		return []rawEntry{{"160000", "other", strings.Repeat("1", len(a))}}, nil
	case DuplicateEntry:
		return []rawEntry{{"100644", "twice.txt", a}, {"100644", "twice.txt", b}}, nil
	case UnsortedTree:
		return []rawEntry{{"100644", "z.txt", a}, {"100644", "y.txt", b}}, nil
	case MissingBlob:
		lost, err := c.blob(ctx, missingContent())
		return []rawEntry{{"100644", "lost.txt", lost}}, err
	}
	return nil, nil
}

func missingContent() []byte { return []byte("this content is taken away again\n") }

// prepareOddities stores what git fast-import would not write, and returns the rest of the work.
func (c *Course) prepareOddities(ctx context.Context, o Options) ([]func(*importer), error) {
	work := make([]func(*importer), 0, len(o.Oddities))
	for _, odd := range o.Oddities {
		m := newMaker(o.Seed, "odd "+string(odd))
		q := m.odd(odd, o)
		page := []byte(m.prose(200))
		a, err := c.blob(ctx, page)
		if err != nil {
			return nil, err
		}
		b, err := c.blob(ctx, []byte("{\"title\": \"An odd question\"}\n"))
		if err != nil {
			return nil, err
		}
		if q.raw, err = c.oddRaw(ctx, odd, a, b); err != nil {
			return nil, err
		}
		if len(q.raw) > 0 {
			id, err := c.tree(ctx, sorted(odd, append([]rawEntry{{"100644", "info.json", b}, {"100644", "question.html", a}}, q.raw...)))
			if err != nil {
				return nil, err
			}
			work = append(work, func(i *importer) { i.place("040000", id, odd.Path()) })
			continue
		}
		work = append(work, func(i *importer) { q.write(i, odd.Path(), a, b) })
	}
	return work, nil
}

// sorted brings entries into git's order, unless that they are not is the point.
func sorted(o Oddity, entries []rawEntry) []rawEntry {
	if o == UnsortedTree {
		return entries
	}
	key := func(e rawEntry) []byte {
		if strings.HasSuffix(e.mode, "40000") {
			return []byte(e.name + "/")
		}
		return []byte(e.name)
	}
	slices.SortStableFunc(entries, func(x, y rawEntry) int { return bytes.Compare(key(x), key(y)) })
	return entries
}

// write puts the question's files, of which a is the page and b the JSON.
func (q oddQuestion) write(i *importer, dir, a, b string) {
	if q.mode != "" {
		i.write(file{path: dir, content: q.files[0].content, link: q.mode == "120000"})
		return
	}
	i.place("100644", b, dir+"/info.json")
	i.place("100644", a, dir+"/question.html")
	for _, f := range q.files {
		if rest, ok := strings.CutPrefix(f.path, "../"); ok {
			f.path = "questions/odd/" + rest
		} else {
			f.path = dir + "/" + f.path
		}
		i.write(f)
	}
}

// breakOddities takes away what a repository is to lack.
func (c *Course) breakOddities(ctx context.Context, o Options) error {
	if !slices.Contains(o.Oddities, MissingBlob) {
		return nil
	}
	id, err := c.blob(ctx, missingContent())
	if err != nil {
		return err
	}
	return c.drop(ctx, id)
}
