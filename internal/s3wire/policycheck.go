package s3wire

import (
	"slices"
	"strings"
	"time"
)

// Check refuses a form that the policy does not allow, or one that comes too late. bucket is the bucket addressed; a
// field of that name in the form counts for nothing. Every field must be named by a condition, but those that carry
// the policy and its proof, the file, and x-ignore-*. Field names are compared in any case, values exactly.
func (p *Policy) Check(f *Form, bucket string, now time.Time) error {
	if now.After(p.Expiration) {
		return policyExpired()
	}
	covered := make(map[string]bool, len(p.conditions))
	for _, c := range p.conditions {
		value, sent := f.fields[c.field]
		if c.field == "bucket" {
			value, sent = bucket, true
		}
		if !c.holds(value, sent) {
			return AccessDenied.Newf("Invalid according to Policy: Policy Condition failed: %s", c.text)
		}
		covered[c.field] = true
	}
	for _, name := range p.fieldsOf(f) {
		if !covered[name] {
			return AccessDenied.Newf("Invalid according to Policy: Extra input fields: %s", name)
		}
	}
	return nil
}

func policyExpired() *Error {
	return AccessDenied.Newf("Invalid according to Policy: Policy expired.")
}

// fieldsOf lists the fields that must be covered, sorted, so that the answer is the same each time.
func (p *Policy) fieldsOf(f *Form) []string {
	names := []string{"bucket"}
	for name := range f.fields {
		switch name {
		case "bucket", "policy", "x-amz-signature", "file", "awsaccesskeyid", "signature":
			continue
		}
		if !strings.HasPrefix(name, "x-ignore-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// holds evaluates the condition. A field that was not sent is empty: it meets only an empty value.
func (c policyCondition) holds(value string, sent bool) bool {
	switch {
	case c.field == "":
		return false
	case !c.prefix:
		return value == c.value && (sent || c.value == "")
	case c.field == "content-type" && strings.Contains(value, ","):
		for one := range strings.SplitSeq(value, ",") { // each of a list must begin so
			if !strings.HasPrefix(strings.TrimSpace(one), c.value) {
				return false
			}
		}
		return true
	}
	return strings.HasPrefix(value, c.value)
}
