package config

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"holdfast/internal/fault"
)

// parse reads the text of one TOML file. The library gives the values, its parser the lines.
func parse(name string, text []byte) (*node, *fault.Problem) {
	values := map[string]any{}
	if err := toml.Unmarshal(text, &values); err != nil {
		return nil, syntaxProblem(name, err)
	}
	b := builder{file: name, lines: linesOf(text)}
	return b.node("", values), nil
}

// syntaxProblem never quotes the line, which may hold a secret.
func syntaxProblem(name string, err error) *fault.Problem {
	p := &fault.Problem{Key: "syntax", File: name, Line: 1, Message: "not TOML"}
	var d *toml.DecodeError
	if errors.As(err, &d) {
		row, column := d.Position()
		p.Line = max(row, 1)
		p.Message = fmt.Sprintf("not TOML at column %d: %s", column, strings.TrimPrefix(d.Error(), "toml: "))
	}
	p.Hint = `write it as key = "text", key = 5, key = true, key = ["a", "b"] or [table]`
	return p
}

// builder turns the library's values into nodes that know their lines.
type builder struct {
	file  string
	lines map[string]int
}

func (b builder) node(path string, v any) *node {
	n := &node{origin: Origin{File: b.file, Line: b.line(path)}}
	switch v := v.(type) {
	case map[string]any:
		n.table = make(map[string]*node, len(v))
		for name, child := range v {
			n.table[name] = b.node(join(path, name), child)
		}
	case []any:
		n.value = v
		for i, item := range v {
			if _, ok := item.(map[string]any); ok {
				n.list = append(n.list, b.node(path+"["+strconv.Itoa(i)+"]", item))
			}
		}
	default:
		n.value = v
	}
	return n
}

// line returns the line of a path, or of the nearest table around it.
func (b builder) line(path string) int {
	for path != "" {
		if l, ok := b.lines[path]; ok {
			return l
		}
		path, _ = parent(path)
	}
	return 1
}

// linesOf maps every key of a TOML text to the line that it stands on. The text has been parsed once without error.
func linesOf(text []byte) map[string]int {
	var p unstable.Parser
	p.Reset(text)
	l := liner{lines: map[string]int{}, counts: map[string]int{}}
	for i, c := range text {
		if c == '\n' {
			l.ends = append(l.ends, i)
		}
	}
	for p.NextExpression() {
		l.expression(p.Expression())
	}
	return l.lines
}

type liner struct {
	ends   []int // offsets of the line ends
	lines  map[string]int
	counts map[string]int // tables seen of each list of tables
	table  string         // the header that the following keys belong to
}

func (l *liner) expression(e *unstable.Node) {
	switch e.Kind {
	case unstable.Table:
		l.table = l.key("", e)
	case unstable.ArrayTable:
		path := l.key("", e)
		if i := strings.LastIndexByte(path, '['); i >= 0 && strings.HasSuffix(path, "]") {
			path = path[:i]
		}
		l.counts[path]++
		l.table = path + "[" + strconv.Itoa(l.counts[path]-1) + "]"
		l.lines[l.table] = l.lines[path]
	case unstable.KeyValue:
		l.keyValue(l.table, e)
	}
}

func (l *liner) keyValue(table string, e *unstable.Node) {
	path := l.key(table, e)
	if v := e.Value(); v.Kind == unstable.InlineTable {
		for it := v.Children(); it.Next(); {
			l.keyValue(path, it.Node())
		}
	}
}

// key notes the lines of all names of a dotted key and returns its full path. A list of tables on the way stands for
// its last table, as TOML has it.
func (l *liner) key(path string, e *unstable.Node) string {
	for it := e.Key(); it.Next(); {
		n := it.Node()
		path = join(path, string(n.Data))
		if _, seen := l.lines[path]; !seen || e.Kind == unstable.ArrayTable {
			l.lines[path] = 1 + sort.SearchInts(l.ends, int(n.Raw.Offset))
		}
		if count := l.counts[path]; count > 0 {
			path += "[" + strconv.Itoa(count-1) + "]"
		}
	}
	return path
}
