package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"holdfast/internal/secret"
)

// mismatch is a value of the wrong type.
type mismatch struct {
	text    string
	example string // a value that would be right; "" when the text says it all
}

func (m *mismatch) hintFor(key string, o Origin) string {
	if m.example == "" {
		return ""
	}
	if o.Env != "" {
		return "write " + o.Env + "=" + strings.Trim(m.example, `"`)
	}
	_, name := parent(key)
	return "write " + name + " = " + m.example
}

// assign puts a plain value into a field and returns what is wrong when it cannot. The value of a secret is never told.
func assign(into reflect.Value, n *node) *mismatch {
	if n.table != nil {
		return &mismatch{"a table stands where " + wanted(into.Type()) + " belongs", ""}
	}
	v := n.value
	if env, ok := v.(envText); ok {
		v = fromEnv(string(env), into.Type())
	}
	switch target := into.Addr().Interface().(type) {
	case *secret.String:
		text, ok := v.(string)
		if !ok {
			return &mismatch{"a secret is text in quotes", `"…"`}
		}
		*target = secret.New(text)
		return nil
	case encoding.TextUnmarshaler:
		return assignQuantity(target, into.Type(), v)
	}
	return assignPlain(into, v)
}

// assignQuantity hands numbers over as their text: a size or a duration may be written without a unit.
func assignQuantity(into encoding.TextUnmarshaler, t reflect.Type, v any) *mismatch {
	var text string
	switch v := v.(type) {
	case string:
		text = v
	case int64:
		text = strconv.FormatInt(v, 10)
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return wrongType(t, v)
	}
	if err := into.UnmarshalText([]byte(text)); err != nil {
		return &mismatch{err.Error(), ""}
	}
	return nil
}

func assignPlain(into reflect.Value, v any) *mismatch {
	switch v := v.(type) {
	case string:
		if into.Kind() == reflect.String {
			into.SetString(v)
			return nil
		}
	case bool:
		if into.Kind() == reflect.Bool {
			into.SetBool(v)
			return nil
		}
	case int64:
		switch {
		case into.CanInt() && !into.OverflowInt(v):
			into.SetInt(v)
			return nil
		case into.CanFloat():
			into.SetFloat(float64(v))
			return nil
		}
	case float64:
		if into.CanFloat() {
			into.SetFloat(v)
			return nil
		}
	case []any:
		if texts, ok := asTexts(v); ok && into.Type() == reflect.TypeFor[[]string]() {
			into.Set(reflect.ValueOf(texts))
			return nil
		}
	}
	return wrongType(into.Type(), v)
}

func asTexts(items []any) ([]string, bool) {
	texts := make([]string, len(items))
	for i, item := range items {
		text, ok := item.(string)
		if !ok {
			return nil, false
		}
		texts[i] = text
	}
	return texts, true
}

// fromEnv reads the text of a variable as the type that its key wants. A text that does not fit stays a text, which
// assign then reports. A list is written as in TOML or separated by commas.
func fromEnv(text string, t reflect.Type) any {
	switch t.Kind() {
	case reflect.Bool:
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	case reflect.Int, reflect.Int64:
		if i, err := strconv.ParseInt(text, 10, 64); err == nil && tableless(t) {
			return i
		}
	case reflect.Float64:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	case reflect.Slice:
		return listFromEnv(text)
	}
	return text
}

// tableless reports whether a type is a plain number and not a quantity, which reads its own text.
func tableless(t reflect.Type) bool {
	return !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func listFromEnv(text string) any {
	if strings.HasPrefix(strings.TrimSpace(text), "[") {
		var doc struct{ V []any }
		if err := toml.Unmarshal([]byte("V = "+text), &doc); err != nil {
			return text
		}
		return doc.V
	}
	var items []any
	for item := range strings.SplitSeq(text, ",") {
		items = append(items, strings.TrimSpace(item))
	}
	return items
}

func wrongType(t reflect.Type, v any) *mismatch {
	return &mismatch{describe(v) + " stands where " + wanted(t) + " belongs", example(t, v)}
}

// describe names a value as a person would.
func describe(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("the text %q", shorten(v))
	case envText:
		return fmt.Sprintf("the text %q", shorten(string(v)))
	case bool:
		return strconv.FormatBool(v)
	case int64, float64:
		return fmt.Sprintf("the number %v", v)
	case []any:
		return "a list"
	case nil, map[string]any:
		return "a table"
	}
	return "a date or time"
}

func shorten(s string) string {
	const longest = 40
	if r := []rune(s); len(r) > longest {
		return string(r[:longest]) + "…"
	}
	return s
}

// wanted names what a key takes.
func wanted(t reflect.Type) string { return typeName(t).article }

// typeWords are the names of a type of setting: with its article in a sentence, alone in the reference, and a value.
type typeWords struct{ article, short, example string }

func typeName(t reflect.Type) typeWords {
	switch {
	case t == reflect.TypeFor[secret.String]():
		return typeWords{"text in quotes", "secret", `"…"`}
	case strings.HasSuffix(t.String(), "unit.Bytes"):
		return typeWords{"a size", "size", `"16MiB"`}
	case strings.HasSuffix(t.String(), "unit.Duration"):
		return typeWords{"a duration", "duration", `"30s"`}
	case t.Kind() == reflect.Bool:
		return typeWords{"true or false", "boolean", "true"}
	case t.Kind() == reflect.Map:
		return typeWords{"a table of lists of texts", "table of lists", `{name = ["a", "b"]}`}
	case t.Kind() == reflect.Slice:
		return typeWords{"a list of texts", "list of text", `["a", "b"]`}
	case slices.Contains([]reflect.Kind{reflect.Int, reflect.Int64}, t.Kind()):
		return typeWords{"a whole number", "integer", "5"}
	case t.Kind() == reflect.Float64:
		return typeWords{"a number", "number", "0.5"}
	}
	return typeWords{"text in quotes", "text", `"text"`}
}

// example returns the value that was given in the form that is wanted, when that can be told.
func example(t reflect.Type, v any) string {
	want := typeName(t)
	text, isText := v.(string)
	switch {
	case isText && (want.short == "integer" || want.short == "number"):
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			return text + ", without quotes"
		}
	case isText && want.short == "boolean":
		if b, err := strconv.ParseBool(text); err == nil {
			return strconv.FormatBool(b) + ", without quotes"
		}
	case isText && want.short == "list of text":
		return fmt.Sprintf("[%q]", text)
	case want.short == "text":
		switch v.(type) {
		case int64, float64, bool:
			return fmt.Sprintf("\"%v\", in quotes", v)
		}
	}
	return want.example
}
