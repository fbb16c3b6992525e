package objects

import (
	"slices"
	"strings"

	"holdfast/internal/fault"
)

// Policy says what an access key may do: any one of its statements allows an action. No statement, no right.
type Policy struct {
	Statements []Statement `json:"statements"`
}

// Statement allows actions on keys that start with one of the prefixes in one of the buckets ("*" any).
type Statement struct {
	Buckets  []string `json:"buckets"`
	Prefixes []string `json:"prefixes,omitempty"` // empty: whole bucket
	Actions  []Action `json:"actions"`
}

// Action is a class of operations.
type Action string

// The actions.
const (
	ActionRead   Action = "read"   // GetObject, HeadObject, tags
	ActionList   Action = "list"   // listings, uploads, versions
	ActionWrite  Action = "write"  // PutObject, multipart, copy target, tags, ACL
	ActionDelete Action = "delete" // DeleteObject(s), versions, abort
	ActionAdmin  Action = "admin"  // create, delete and configure buckets
)

// Allows reports whether the policy allows action on bucket and key ("" for the bucket itself). A statement that is
// limited to prefixes allows no action on the bucket itself, but a listing: there, key is the prefix that is asked for,
// which must lie within one of the statement's.
func (p Policy) Allows(a Action, bucket, key string) bool {
	return slices.ContainsFunc(p.Statements, func(s Statement) bool { return s.allows(a, bucket, key) })
}

func (s Statement) allows(a Action, bucket, key string) bool {
	if !slices.Contains(s.Actions, a) || !slices.Contains(s.Buckets, bucket) && !slices.Contains(s.Buckets, "*") {
		return false
	}
	return len(s.Prefixes) == 0 ||
		slices.ContainsFunc(s.Prefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// check refuses a policy that could not mean what its writer thinks.
func (p Policy) check() error {
	for _, s := range p.Statements {
		if len(s.Buckets) == 0 || len(s.Actions) == 0 {
			return fault.New(fault.Invalid, "policy", "a statement of the policy names no bucket or no action")
		}
		for _, a := range s.Actions {
			switch a {
			case ActionRead, ActionList, ActionWrite, ActionDelete, ActionAdmin:
			default:
				return fault.New(fault.Invalid, "policy", "no such action: %q", a).
					WithHint("actions are read, list, write, delete and admin")
			}
		}
	}
	return nil
}
