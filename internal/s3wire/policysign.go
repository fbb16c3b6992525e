package s3wire

import (
	"encoding/base64"
	"maps"
	"slices"
	"time"
)

// PolicyBuilder writes policy documents: the client's side.
type PolicyBuilder struct {
	Expiration time.Time
	Bucket     string
	Key        string            // exact key; or
	KeyPrefix  string            // what the key starts with
	Equal      map[string]string // further fields with their exact value
	StartsWith map[string]string // further fields with what their value starts with
	MinSize    int64             // bytes
	MaxSize    int64             // bytes; 0: no size condition
}

// SignPolicy writes the document, signs it, and returns the fields that the form must have: those of the proof, key (if
// it is exact) and Equal.
func (s *Signer) SignPolicy(b PolicyBuilder) (map[string]string, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	t := s.now()
	fields := map[string]string{
		"x-amz-algorithm":  algorithmV4,
		"x-amz-credential": s.AccessKey + "/" + s.scope(t),
		"x-amz-date":       t.Format(stampLayout),
	}
	maps.Copy(fields, b.Equal)
	if b.Key != "" {
		fields["key"] = b.Key
	}
	conditions := []any{map[string]string{"bucket": b.Bucket}}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		conditions = append(conditions, map[string]string{name: fields[name]})
	}
	if b.Key == "" {
		conditions = append(conditions, []string{"starts-with", "$key", b.KeyPrefix})
	}
	for _, name := range slices.Sorted(maps.Keys(b.StartsWith)) {
		conditions = append(conditions, []string{"starts-with", "$" + name, b.StartsWith[name]})
	}
	if b.MaxSize > 0 {
		conditions = append(conditions, []any{"content-length-range", b.MinSize, b.MaxSize})
	}
	document := jsonText(map[string]any{"expiration": b.Expiration.UTC().Format(timeLayout), "conditions": conditions})
	fields["policy"] = base64.StdEncoding.EncodeToString([]byte(document))
	fields["x-amz-signature"] = s.signText(fields["policy"], t)
	return fields, nil
}

// PostPolicy signs a policy document (JSON) that was written elsewhere and returns the fields policy, x-amz-algorithm,
// x-amz-credential, x-amz-date and x-amz-signature. The document must itself allow these; SignPolicy sees to it.
func (s *Signer) PostPolicy(document []byte) (map[string]string, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	t := s.now()
	policy := base64.StdEncoding.EncodeToString(document)
	return map[string]string{
		"policy":           policy,
		"x-amz-algorithm":  algorithmV4,
		"x-amz-credential": s.AccessKey + "/" + s.scope(t),
		"x-amz-date":       t.Format(stampLayout),
		"x-amz-signature":  s.signText(policy, t),
	}, nil
}
