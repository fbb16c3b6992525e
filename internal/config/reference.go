package config

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed reference.json
var referenceJSON []byte

// Doc is what there is to know about one key or table.
type Doc struct {
	Key     string `json:"key"` // NAME stands for a name that you choose
	Type    string `json:"type"`
	Default string `json:"default,omitempty"` // as it is written in TOML; "" when there is none, or the text says it
	Text    string `json:"text"`
	Env     string `json:"env,omitempty"`
	Secret  bool   `json:"secret,omitempty"`
}

// Docs returns the reference of all keys, each table before its keys.
func Docs() []Doc {
	var docs []Doc
	if err := json.Unmarshal(referenceJSON, &docs); err != nil {
		panic(fmt.Sprintf("embedded reference.json: %v", err)) // a test keeps it fresh
	}
	return docs
}

// Lookup returns the reference of a key or table; the twin of a secret and the variable of a key are understood too.
// When there is none it returns the most likely meant key, or "".
func Lookup(name string) (doc Doc, meant string, ok bool) {
	key := name
	if rest, isEnv := strings.CutPrefix(strings.ToUpper(name), envPrefix); isEnv {
		key = strings.ToLower(strings.ReplaceAll(rest, "__", "."))
	}
	key = strings.Trim(strings.TrimSuffix(key, "]"), "[")
	docs := Docs()
	for _, d := range docs {
		pattern := strings.ReplaceAll(d.Key, nameWord, anyName)
		if matches(pattern, key) || d.Secret && matches(pattern+fileSuffix, key) {
			return d, "", true
		}
	}
	known := make([]entry, len(docs))
	for i, d := range docs {
		known[i] = entry{path: strings.ReplaceAll(d.Key, nameWord, anyName), secret: d.Secret}
	}
	return Doc{}, nearest(known, key), false
}

// nameWord stands in printed keys for a name that a person chooses.
const nameWord = "NAME"
