package httpcache

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// written is an object as it stands on disk beside its body. What comes from the application is bytes: fields need not be UTF-8.
type written struct {
	Choice     string        `json:"choice,omitempty"`
	Selectors  []string      `json:"selectors,omitempty"`
	Salt       string        `json:"salt,omitempty"`
	Serial     string        `json:"serial"`
	Status     int           `json:"status"`
	Header     []byte        `json:"header"` // a line for each field
	Tags       []byte        `json:"tags,omitempty"`
	Size       int64         `json:"size"`
	Asked      time.Time     `json:"asked"`
	Came       time.Time     `json:"came"`
	InitialAge time.Duration `json:"initial_age,omitempty"`
	Lifetime   time.Duration `json:"lifetime"`
	While      time.Duration `json:"while,omitempty"`
	IfError    time.Duration `json:"if_error,omitempty"`
	NoCache    bool          `json:"no_cache,omitempty"`
	Strict     bool          `json:"strict,omitempty"`
	Open       bool          `json:"open,omitempty"`
}

func (o *object) meta() []byte {
	b, err := json.Marshal(written{
		o.choice, o.selectors, o.salt, o.serial, o.status, headerLines(o.header), []byte(strings.Join(o.tags, "\n")), o.size, o.asked, o.came,
		o.initialAge, o.lifetime, o.whileRevalidate, o.ifError, o.noCache, o.strict, o.open,
	})
	if err != nil {
		panic(fmt.Sprintf("encode a stored answer: %v", err)) // it holds text, numbers and times in our years
	}
	return b
}

// readObject makes an object of what is on disk.
func readObject(slot string, meta []byte, size int64) (*object, bool) {
	var m written
	if err := json.Unmarshal(meta, &m); err != nil || m.Size != size {
		return nil, false
	}
	url, _, _ := strings.Cut(slot, "\n")
	o := &object{
		url: url, slot: slot, choice: m.Choice, selectors: m.Selectors, salt: m.Salt, serial: m.Serial, status: m.Status, header: readLines(m.Header),
		size: size, onDisk: true, asked: m.Asked, came: m.Came, initialAge: m.InitialAge, lifetime: m.Lifetime,
		whileRevalidate: m.While, ifError: m.IfError, noCache: m.NoCache, strict: m.Strict, open: m.Open,
	}
	if len(m.Tags) > 0 {
		o.tags = strings.Split(string(m.Tags), "\n")
	}
	return o, true
}

func headerLines(h http.Header) []byte {
	var b []byte
	for name, values := range h {
		for _, v := range values {
			b = append(append(append(append(b, name...), ':'), v...), '\n')
		}
	}
	return b
}

func readLines(b []byte) http.Header {
	h := http.Header{}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":"); ok {
			h[name] = append(h[name], value)
		}
	}
	return h
}
