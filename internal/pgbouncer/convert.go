package pgbouncer

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// conversion turns a value of PgBouncer's into one of ours: a string, an int64, a bool or a []string.
type conversion func(value string) (any, error)

// asText keeps the value.
func asText(value string) (any, error) { return value, nil }

// asNumber reads a whole number as C's strtol does with base 0.
func asNumber(value string) (any, error) {
	n, err := strconv.ParseInt(value, 0, 32)
	if err != nil {
		return nil, fmt.Errorf("%q is not a whole number", shorten(value))
	}
	return n, nil
}

// asSeconds reads seconds, with a fraction perhaps.
func asSeconds(value string) (any, error) {
	s, err := strconv.ParseFloat(value, 64)
	if err != nil || !(s >= 0 && s <= math.MaxInt32) {
		return nil, fmt.Errorf("%q is not a number of seconds", shorten(value))
	}
	return span(time.Duration(s * float64(time.Second))), nil
}

// asMilliseconds reads a whole number of milliseconds.
func asMilliseconds(value string) (any, error) {
	n, err := strconv.ParseInt(value, 0, 32)
	if err != nil || n < 0 {
		return nil, fmt.Errorf("%q is not a number of milliseconds", shorten(value))
	}
	return span(time.Duration(n) * time.Millisecond), nil
}

// span writes a time without the parts that are zero: 1h, 1m30s, 500ms.
func span(d time.Duration) string {
	text := d.Round(time.Microsecond).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// asList reads names separated by commas.
func asList(value string) (any, error) { return list(value), nil }

func list(value string) []string {
	var out []string
	for _, part := range strings.Split(value, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// asMode reads pool_mode. A pool of statements is as strict as nobody needs: transactions contain it.
func asMode(value string) (any, error) {
	switch strings.ToLower(value) {
	case "session":
		return "session", nil
	case "transaction", "statement":
		return "transaction", nil
	}
	return nil, fmt.Errorf("%q is no pool mode", shorten(value))
}

// asOctal reads the mode of a socket, which is octal with a 0 in front and decimal without.
func asOctal(value string) (any, error) {
	n, err := strconv.ParseUint(value, 0, 12)
	if err != nil || n > 0o777 {
		return nil, fmt.Errorf("%q is no file mode", shorten(value))
	}
	return fmt.Sprintf("%04o", n), nil
}

// asSSLMode reads one of libpq's modes.
func asSSLMode(value string) (any, error) {
	switch value {
	case "disable", "allow", "prefer", "require", "verify-ca", "verify-full":
		return value, nil
	}
	return nil, fmt.Errorf("%q is no TLS mode", shorten(value))
}

// asClientTLS reads client_tls_sslmode as an endpoint's tls.
func asClientTLS(value string) (any, error) {
	switch value {
	case "disable":
		return "disable", nil
	case "allow", "prefer":
		return "allow", nil
	case "require", "verify-ca", "verify-full":
		return "require", nil
	}
	return nil, fmt.Errorf("%q is no TLS mode", shorten(value))
}

// convert turns a value of this setting into ours.
func (s setting) convert(value string) (any, error) {
	if s.zero != "" && isZero(value) {
		return nil, errors.New(s.zero)
	}
	return s.as(value)
}
