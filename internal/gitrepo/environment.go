package gitrepo

import (
	"encoding/base64"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/fault"
)

// passed are the variables that git gets from our environment: where programs are, and how to reach the network.
var passed = []string{
	"PATH", "TMPDIR", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY",
}

// setting is one line of git's configuration.
type setting struct{ key, value string }

// settings are those that every git process of ours runs with, beside git's defaults.
func settings() []setting {
	return []setting{
		{"core.hooksPath", "/dev/null"},
		{"core.attributesFile", "/dev/null"},
		{"core.fsmonitor", "false"},
		{"core.commitGraph", "false"},
		{"core.bigFileThreshold", "8m"}, // larger blobs are streamed, not held in memory
		{"credential.helper", ""},
		{"gc.auto", "0"}, // Maintain cleans, and nothing else does
		{"gc.autoDetach", "false"},
		{"maintenance.auto", "false"},
		{"pack.threads", "1"},
		{"pack.windowMemory", "64m"},
		{"fetch.recurseSubmodules", "false"},
		{"fetch.writeCommitGraph", "false"},
		{"fetch.unpackLimit", "1"}, // one pack and its index for each fetch, instead of a hundred files
		{"transfer.fsckObjects", "true"},
		{"http.lowSpeedLimit", "0"},
		{"log.showSignature", "false"},
	}
}

// tolerated are faults of objects that do not keep us from fetching. Old programs made the modes and dates; GitHub and GitLab
// accept them. Names are for the reader of trees to judge (treepack.CheckName): nothing here makes files of them, and one bad
// name must not cost the whole course. .gitmodules is never read.
func tolerated() []string {
	return []string{
		"zeroPaddedFilemode", "badFilemode", "badDateOverflow", "badTimezone", "missingSpaceBeforeDate", "missingSpaceBeforeEmail",
		"badEmail", "missingEmail", "missingNameBeforeEmail", "zeroPaddedDate", "multipleAuthors",
		"hasDot", "hasDotdot", "hasDotgit", "fullPathname", "emptyName", "nullSha1",
		"gitmodulesBlob", "gitmodulesLarge", "gitmodulesMissing", "gitmodulesName", "gitmodulesParse", "gitmodulesPath",
		"gitmodulesSymlink", "gitmodulesUpdate", "gitmodulesUrl",
		"gitattributesBlob", "gitattributesLarge", "gitattributesLineLength", "gitattributesMissing", "gitattributesSymlink",
		"gitignoreSymlink", "mailmapSymlink",
	}
}

// environ returns the whole environment of git processes that work on the mirror. remote (may be nil) adds what it takes to
// reach the remote; without it git can reach nothing.
func (r *Repo) environ(remote *address) []string {
	env := make([]string, 0, 96)
	for _, name := range passed {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	global, protocols, config := "/dev/null", "none", settings()
	if remote != nil {
		config = append(config, r.fetchSettings(*remote)...)
		protocols = remote.protocol
		if protocols == "file" {
			global = r.trustFile()
		}
		env = append(env, "GIT_SSH_COMMAND="+r.ssh(), "GIT_SSH_VARIANT=ssh")
	}
	env = append(env,
		"LC_ALL=C", "HOME=/nonexistent", "XDG_CONFIG_HOME=/nonexistent", "GIT_DIR="+r.dir,
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+global, "GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false", "SSH_ASKPASS=/bin/false", "GIT_ALLOW_PROTOCOL="+protocols, "GIT_PROTOCOL_FROM_USER=0",
		"GIT_NO_REPLACE_OBJECTS=1", "GIT_NO_LAZY_FETCH=1", "GIT_OPTIONAL_LOCKS=0", "GIT_LITERAL_PATHSPECS=1",
		"GIT_CONFIG_COUNT="+strconv.Itoa(len(config)),
	)
	for i, s := range config {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, s.key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, s.value))
	}
	return env
}

// fetchSettings are those of processes that speak with the remote.
func (r *Repo) fetchSettings(remote address) []setting {
	var s []setting
	for _, id := range tolerated() {
		s = append(s, setting{"fetch.fsck." + id, "ignore"})
	}
	if remote.base == "" || remote.protocol == "ssh" || r.options.Token.IsZero() {
		return s
	}
	user := remote.user
	if user == "" {
		user = "x-access-token" // GitHub's name for it; others take any
	}
	login := base64.StdEncoding.EncodeToString([]byte(user + ":" + r.options.Token.Reveal()))
	return append(s,
		setting{"http." + remote.base + "/.extraHeader", "Authorization: Basic " + login},
		setting{"http.followRedirects", "false"}, // the token goes to no other server
	)
}

// ssh returns the command line with which git reaches an ssh server; git gives it to a shell.
func (r *Repo) ssh() string {
	words := []string{"ssh", "-F", "/dev/null"}
	option := func(name, value string) { words = append(words, "-o", name+"="+value) }
	option("BatchMode", "yes")
	option("IdentitiesOnly", "yes")
	option("IdentityAgent", "none")
	option("StrictHostKeyChecking", "yes")
	option("UpdateHostKeys", "no")
	option("VerifyHostKeyDNS", "no")
	option("ForwardAgent", "no")
	option("ClearAllForwardings", "yes")
	option("PermitLocalCommand", "no")
	option("ControlMaster", "no")
	option("ControlPath", "none")
	option("PreferredAuthentications", "publickey")
	option("ConnectTimeout", strconv.Itoa(max(1, int(r.options.Stall/time.Second))))
	option("LogLevel", "INFO")
	key := "none"
	if r.options.KeyFile != "" {
		key = sshPath(r.options.KeyFile)
	}
	option("IdentityFile", key)
	if r.options.KnownHosts != "" {
		option("UserKnownHostsFile", sshPath(r.options.KnownHosts))
		option("GlobalKnownHostsFile", "/dev/null")
	} else {
		option("UserKnownHostsFile", "/dev/null")
	}
	for i, w := range words {
		words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	return strings.Join(words, " ")
}

// sshPath quotes a path for a value of ssh_config(5), which takes spaces for separators and % for a token.
func sshPath(path string) string { return `"` + strings.ReplaceAll(path, "%", "%%") + `"` }

// checkSSHPath says why ssh_config(5) cannot hold a path: it has no escape for these.
func checkSSHPath(what, path string) error {
	if hasControl(path) || strings.ContainsAny(path, `"\$`) || path != "" && path[0] != '/' {
		return fault.New(fault.Config, ErrAddress.Code, "the path %.200q of %s is not one that ssh can be given", path, what).
			WithHint(`use an absolute path without quotes, backslash, dollar and control characters`)
	}
	return nil
}
