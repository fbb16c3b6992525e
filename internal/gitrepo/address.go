package gitrepo

import (
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"holdfast/internal/fault"
)

// address is a URL that was found harmless.
type address struct {
	protocol string // as in GIT_ALLOW_PROTOCOL: ssh, https, http or file
	url      string // as git takes it
	user     string // "" when the URL has none
	base     string // of an http URL: scheme, host and port
}

// scp is the short form of an ssh address: user@host:path. A path with a slash before the colon is no such address.
var scp = regexp.MustCompile(`^(?:([A-Za-z0-9_.][A-Za-z0-9_.+-]*)@)?([A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\]):([^:].*)$`)

// helper begins an address that git gives to a program of its own choice (gitremote-helpers(7)), as ext::sh -c ….
var helper = regexp.MustCompile(`^[A-Za-z0-9+._-]*::`)

// hostName is what ssh gets as its argument: it must not look like an option.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_:][A-Za-z0-9_.:-]*$`)

// userName is a user of an ssh server.
var userName = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.+-]*$`)

// parseAddress says what a URL names, or why it is not used. Its errors never show a password.
func parseAddress(text string) (address, error) {
	switch {
	case text == "":
		return address{}, badAddress("the git URL is empty")
	case hasControl(text):
		return address{}, badAddress("the git URL has control characters in it")
	case text[0] == '-':
		return address{}, badAddress("the git URL begins with a dash, like an option")
	case filepath.IsAbs(text):
		return address{protocol: "file", url: filepath.Clean(text)}, nil
	case helper.MatchString(text):
		return address{}, badAddress("the git URL uses a helper (%.20q), which can run any program", text)
	case strings.Contains(text, "://"):
		return parseURL(text)
	}
	m := scp.FindStringSubmatch(text)
	if m == nil || m[3][0] == '-' {
		return address{}, badAddress("the git URL is neither a URL, user@host:path nor an absolute path")
	}
	return address{protocol: "ssh", url: text, user: m[1]}, nil
}

func parseURL(text string) (address, error) {
	u, err := url.Parse(text)
	if err != nil {
		return address{}, badAddress("the git URL cannot be parsed") // the cause would show the URL, with a password perhaps
	}
	if _, set := u.User.Password(); set {
		return address{}, badAddress("the git URL has a password in it").WithHint("put it into the setting for the token, where it stays secret")
	}
	a := address{protocol: u.Scheme, url: text, user: u.User.Username(), base: u.Scheme + "://" + u.Host}
	switch u.Scheme {
	case "file":
		if u.Host != "" || !filepath.IsAbs(u.Path) {
			return address{}, badAddress("the git URL %q names no path on this machine", text)
		}
		return address{protocol: "file", url: filepath.Clean(u.Path)}, nil
	case "ssh":
		if !hostName.MatchString(u.Hostname()) || a.user != "" && !userName.MatchString(a.user) || strings.HasPrefix(strings.TrimPrefix(u.Path, "/"), "-") {
			return address{}, badAddress("the git URL %q names no ssh server", text)
		}
		return a, nil
	case "https":
	case "http":
		if !isLoopback(u.Hostname()) {
			return address{}, badAddress("the git URL %q is not encrypted", text).WithHint("use https:// or ssh://")
		}
	default:
		return address{}, badAddress("the git URL has the scheme %.20q", u.Scheme)
	}
	if !hostName.MatchString(u.Hostname()) {
		return address{}, badAddress("the git URL %q names no host", text)
	}
	return a, nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func badAddress(format string, args ...any) *fault.Error {
	return fault.New(ErrAddress.Kind, ErrAddress.Code, format, args...).
		WithHint("use ssh://user@host/path, user@host:path, https://host/path or an absolute path on this machine")
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// checkBranch says why a text cannot be the name of a branch (git-check-ref-format(1)).
func checkBranch(name string) error {
	reason := ""
	switch {
	case hasControl(name):
		reason = "has control characters in it"
	case strings.HasPrefix(name, "-"):
		reason = "begins with a dash, like an option"
	case len(name) > 240:
		reason = "is longer than 240 bytes"
	case strings.ContainsAny(name, " ~^:?*[\\"):
		reason = `has one of the characters space ~ ^ : ? * [ \ in it`
	case strings.Contains(name, "..") || strings.Contains(name, "@{") || name == "@":
		reason = "means more than a branch to git"
	}
	for part := range strings.SplitSeq(name, "/") {
		if reason == "" && name != "" && (part == "" || part[0] == '.' || strings.HasSuffix(part, ".lock") || strings.HasSuffix(part, ".")) {
			reason = "is not a name that git allows"
		}
	}
	if reason == "" {
		return nil
	}
	return fault.New(ErrAddress.Kind, ErrAddress.Code, "the branch %.80q %s", name, reason).
		WithHint("name a branch of the repository, such as main")
}
