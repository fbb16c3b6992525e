package config

import (
	"net/url"
	"slices"
	"strings"

	"holdfast/internal/blob/s3"
	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

// s3Table is the table that is ignored as a whole while it is switched off.
const s3Table = "storage.s3"

// ignoreDisabled forgets everything in [storage.s3] while enabled is false: values, secrets and their files. Keys that
// do not exist stay mistakes, because they are slips whatever the switch says.
func (d *decoder) ignoreDisabled(c *Config) {
	if slices.ContainsFunc(d.problems, func(p fault.Problem) bool { return p.Key == s3Table+".enabled" }) {
		c.Storage.S3.Enabled = true // a switch that is no boolean means something; nothing is used of this configuration
	}
	if c.Storage.S3.Enabled {
		return
	}
	c.Storage.S3 = s3.DefaultConfig()
	var kept []secretFile
	for _, s := range d.secrets {
		if !strings.HasPrefix(s.key, s3Table+".") {
			kept = append(kept, s)
		}
	}
	d.secrets = kept
	for key := range d.origins {
		if strings.HasPrefix(key, s3Table+".") && key != s3Table+".enabled" {
			delete(d.origins, key)
		}
	}
}

// judge adds the mistakes in values that could be read: first our own rules about secrets, then those of the packages,
// then those that concern several packages.
func (d *decoder) judge(c *Config, dir string, network func(string) string) {
	var p fault.Problems
	p = append(p, d.placeholders(c)...)
	p = append(p, d.exposed(c, dir)...)
	p = append(p, c.Log.Validate().Under("log")...)
	p = append(p, c.Database.Config.Validate().Under("database")...)
	p = append(p, c.Database.Pooling.Validate().Under("database")...)
	p = append(p, c.Database.Pooling.RouteProblems(c.Database.Config).Under("database")...)
	p = append(p, c.Static.Validate().Under("static")...)
	p = append(p, c.Media.Validate().Under("media")...)
	if c.Storage.S3.Enabled {
		p = append(p, c.Storage.S3.Validate().Under(s3Table)...)
	}
	p = append(p, c.S3.Validate().Under("s3")...)
	p = append(p, c.Files.Validate().Under("files")...)
	p = append(p, c.Content.Validate().Under("content")...)
	p = append(p, c.Cache.Validate().Under("cache")...)
	p = append(p, c.Edge.Validate().Under("edge")...)
	p = append(p, c.certificateProblems()...)
	p = append(p, c.Admin.Validate().Under("admin")...)
	p = append(p, c.listenProblems()...)
	p = append(p, c.loopProblems()...)
	p = append(p, c.rootProblems(dir)...)
	wrong, notes := c.fileSystemProblems(network)
	p = append(p, wrong...)
	c.notes = append(c.notes, notes...)
	d.add(p)
}

// add takes mistakes that have no place yet. A key that has a mistake already gets no second one.
func (d *decoder) add(problems fault.Problems) {
	has := map[string]bool{}
	for _, p := range d.problems {
		has[strings.TrimSuffix(p.Key, fileSuffix)] = true
	}
	for _, p := range problems {
		base := strings.TrimSuffix(p.Key, fileSuffix)
		if has[base] {
			continue
		}
		has[base] = true
		d.problem(p.Key, d.place(p.Key), p.Message, p.Hint)
	}
}

// place returns where a key was set: itself, its twin, or the nearest table around it.
func (d *decoder) place(key string) Origin {
	for key != "" {
		for _, k := range []string{key, key + fileSuffix} {
			if o, ok := d.origins[k]; ok {
				return o
			}
		}
		key, _ = parent(key)
	}
	return Origin{}
}

// placeholders finds values that were copied from an example and never replaced.
func (d *decoder) placeholders(c *Config) fault.Problems {
	var p fault.Problems
	for _, s := range c.secrets() {
		if !s.value.IsZero() && secret.IsPlaceholder(s.value.Reveal()) {
			p.Add(s.key, "put the real one into a file of its own, and write "+lastName(s.key)+fileSuffix+` = "secrets/`+lastName(s.key)+`"`,
				"the value is a placeholder from an example, not a secret")
		}
	}
	if s := c.Storage.S3; s.Enabled && isExampleURL(s.EndpointURL) {
		p.Add(s3Table+".endpoint_url", "write the address of your S3 service, or set enabled = false to keep files on disk",
			"%q is a placeholder from an example: the name is reserved for documentation (RFC 2606)", s.EndpointURL)
	}
	return p
}

func isExampleURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return false
	}
	host := "." + strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	for _, reserved := range []string{".example", ".example.com", ".example.net", ".example.org", ".invalid"} {
		if strings.HasSuffix(host, reserved) {
			return true
		}
	}
	return false
}

func lastName(key string) string {
	_, name := parent(key)
	return name
}
