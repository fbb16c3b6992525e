package s3wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Policy is a POST policy: what the fields of a form may be.
type Policy struct {
	Expiration       time.Time
	MinSize, MaxSize int64 // content-length-range in bytes; MaxSize -1: no limit said

	conditions []policyCondition
}

// policyCondition is one condition on a field. The object form {"acl": "private"} is eq.
type policyCondition struct {
	prefix bool   // starts-with; else eq
	field  string // lower case; "" for a field written without its dollar sign, which is never true
	value  string
	text   string // as S3 quotes it in its answer
}

// Policy decodes the form's policy field. InvalidPolicyDocument when it makes no sense.
func (f *Form) Policy() (*Policy, error) { return ParsePolicy(f.Get("policy")) }

// ParsePolicy decodes a policy: base64 of a JSON document with expiration and conditions.
func ParsePolicy(text string) (*Policy, error) {
	if text == "" {
		return nil, badPolicy("Expecting '{' but found End-of-Input")
	}
	document, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, badPolicy("invalid Base64 encoding.")
	}
	var top map[string]json.RawMessage
	if json.Unmarshal(document, &top) != nil {
		return nil, badJSON()
	}
	for name := range top {
		if name != "expiration" && name != "conditions" {
			return nil, badPolicy("Unexpected: %q", name)
		}
	}
	p := &Policy{MaxSize: -1}
	if err := p.setExpiration(top["expiration"]); err != nil {
		return nil, err
	}
	if top["conditions"] == nil {
		return nil, badPolicy("Policy missing conditions.")
	}
	var conditions []json.RawMessage
	if json.Unmarshal(top["conditions"], &conditions) != nil || conditions == nil {
		return nil, badPolicy("Invalid 'conditions' value: must be a List.")
	}
	for _, c := range conditions {
		if err := p.add(c); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func badPolicy(format string, args ...any) *Error {
	return InvalidPolicyDocument.Newf("Invalid Policy: "+format, args...)
}

func badJSON() *Error { return badPolicy("Invalid JSON.") }

func (p *Policy) setExpiration(raw json.RawMessage) (err error) {
	if raw == nil {
		return badPolicy("Policy missing expiration.")
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return badJSON()
	}
	if p.Expiration, err = time.Parse(time.RFC3339, text); err != nil {
		return badPolicy("Invalid 'expiration' value: '%s'", text)
	}
	return nil
}

// add reads one condition in either form.
func (p *Policy) add(raw json.RawMessage) error {
	switch raw[0] { // RawMessage is never empty and never starts with space
	case '{':
		return p.addObject(raw)
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return badJSON()
		}
		return p.addList(raw, list)
	}
	return badPolicy("Invalid condition test: must be a List or Object.")
}

func (p *Policy) addObject(raw json.RawMessage) error {
	var object map[string]any
	if json.Unmarshal(raw, &object) != nil {
		return badJSON()
	}
	if len(object) != 1 {
		return badPolicy("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
	}
	for name, v := range object {
		value, ok := v.(string)
		if !ok {
			return badPolicy("Invalid Simple-Condition: value must be a string.")
		}
		p.conditions = append(p.conditions, policyCondition{
			field: strings.ToLower(name), value: value, text: `["eq", ` + jsonText("$"+name) + ", " + jsonText(value) + "]",
		})
	}
	return nil
}

func (p *Policy) addList(raw json.RawMessage, list []json.RawMessage) error {
	var op string
	if len(list) == 0 || json.Unmarshal(list[0], &op) != nil {
		return badPolicy("Invalid Condition: missing operation identifier.")
	}
	kind := strings.ToLower(op)
	if kind != "eq" && kind != "starts-with" && kind != "content-length-range" {
		return badPolicy("Invalid Condition: unknown operation '%s'.", op)
	}
	if len(list) != 3 {
		return badPolicy("Invalid %s: wrong number of arguments.", op)
	}
	if kind == "content-length-range" {
		return p.addRange(list[1], list[2])
	}
	var name, value string
	if json.Unmarshal(list[1], &name) != nil || json.Unmarshal(list[2], &value) != nil {
		return badJSON()
	}
	field, _ := strings.CutPrefix(name, "$")
	if field == name {
		field = ""
	}
	p.conditions = append(p.conditions, policyCondition{
		prefix: kind == "starts-with", field: strings.ToLower(field), value: value, text: compact(raw),
	})
	return nil
}

// addRange narrows the size limits: several ranges must all hold.
func (p *Policy) addRange(low, high json.RawMessage) error {
	first, ok1 := policyNumber(low)
	last, ok2 := policyNumber(high)
	if !ok1 || !ok2 {
		return badJSON()
	}
	p.MinSize = max(p.MinSize, first)
	if p.MaxSize < 0 || last < p.MaxSize {
		p.MaxSize = last
	}
	return nil
}

// policyNumber reads a whole number, also as a string, which some form builders write.
func policyNumber(raw json.RawMessage) (int64, bool) {
	n, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	return n, err == nil && n >= 0
}

func jsonText(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // strings always encode
	return strings.TrimSpace(b.String())
}

func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	_ = json.Compact(&b, raw) // it was parsed already
	return b.String()
}
