package config

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
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

// ListOfTables is the type of a key that holds tables without names.
const ListOfTables = "list of tables"

// IsTable reports whether a key has others below it.
func (d Doc) IsTable() bool { return d.Type == "table" || d.Type == ListOfTables }

// Header returns what stands above the keys of a table in a file.
func (d Doc) Header() string {
	if d.Type == ListOfTables {
		return "[[" + d.Key + "]]"
	}
	return "[" + d.Key + "]"
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
	key = itemNumber.ReplaceAllString(strings.Trim(strings.TrimRight(key, "]"), "["), "")
	docs := Docs()
	for _, d := range docs {
		pattern := strings.ReplaceAll(d.Key, nameWord, anyName)
		if matches(pattern, key) || d.Secret && matches(pattern+fileSuffix, key) {
			return d, "", true
		}
	}
	for _, d := range docs { // a table of tables that are named by people has no page of its own
		if parent, ok := strings.CutSuffix(d.Key, "."+nameWord); ok && matches(strings.ReplaceAll(parent, nameWord, anyName), key) {
			return d, "", true
		}
	}
	known := make([]entry, len(docs))
	for i, d := range docs {
		known[i] = entry{path: strings.ReplaceAll(d.Key, nameWord, anyName), secret: d.Secret}
	}
	return Doc{}, nearest(known, key), false
}

// itemNumber is the place of a table in its list.
var itemNumber = regexp.MustCompile(`\[\d+\]`)

// nameWord stands in printed keys for a name that a person chooses.
const nameWord = "NAME"
