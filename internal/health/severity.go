package health

import "fmt"

// Severity says how bad a finding is. The zero value is None: nothing is wrong.
type Severity uint8

// The severities, in rising order.
const (
	None    Severity = iota
	Info             // worth knowing, nothing to do now
	Warning          // works, but will not for long, or not as well as it should
	Error            // something that visitors or the application need does not work
)

// String returns the severity's lower-case name, as it stands in JSON.
func (s Severity) String() string {
	names := [...]string{"none", "info", "warning", "error"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("severity %d", uint8(s))
}

// MarshalText writes the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name.
func (s *Severity) UnmarshalText(text []byte) error {
	for v := None; v <= Error; v++ {
		if v.String() == string(text) {
			*s = v
			return nil
		}
	}
	return fmt.Errorf("severity %q is not one of none, info, warning, error", text)
}
