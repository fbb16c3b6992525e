package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// holdfast is the program itself, as a new user would run it: init, serve, and a private PostgreSQL.
type holdfast struct {
	binary, config string
	dir            string
	env            []string // of the daemon alone
	process        *process
	s3, edge       string
	id, secret     string
}

func startHoldfast(ctx context.Context, dir, binary string) (*holdfast, error) {
	h := &holdfast{binary: binary, dir: dir, config: filepath.Join(dir, "holdfast", "holdfast.toml")}
	if _, err := output(ctx, binary, "init", "--dir", filepath.Dir(h.config)); err != nil {
		return nil, err
	}
	h.env = []string{"HOLDFAST_LOG__LEVEL=warn", `HOLDFAST_DATABASE__ENDPOINTS=[{listen = "127.0.0.1:0"}]`}
	for name, to := range map[string]*string{"S3": &h.s3, "EDGE": &h.edge, "ADMIN": new(string)} {
		addr, err := freePort()
		if err != nil {
			return nil, err
		}
		*to = addr
		if err := os.Setenv("HOLDFAST_"+name+"__LISTEN", addr); err != nil { // the commands read the same configuration
			return nil, err
		}
	}
	if err := h.serve(); err != nil {
		return nil, err
	}
	if _, err := h.command(ctx, "files", "bucket", "create", bucketName); err != nil {
		h.process.stop()
		return nil, err
	}
	return h, h.credentials(ctx)
}

// serve starts the daemon, once more after its end.
func (h *holdfast) serve() (err error) {
	h.process, err = run(h.dir, "holdfast", h.edge, h.env, h.binary, "serve", "--config", h.config)
	return err
}

// command runs a command of the holdfast binary on the same configuration.
func (h *holdfast) command(ctx context.Context, args ...string) (string, error) {
	return output(ctx, h.binary, append(args, "--config", h.config)...)
}

// environment is what the program tells applications.
func (h *holdfast) environment(ctx context.Context) (map[string]string, error) {
	out, err := h.command(ctx, "env", "--json")
	if err != nil {
		return nil, err
	}
	var vars map[string]string
	if err := json.Unmarshal([]byte(out), &vars); err != nil {
		return nil, fmt.Errorf("holdfast env: %w", err)
	}
	return vars, nil
}

func (h *holdfast) credentials(ctx context.Context) error {
	vars, err := h.environment(ctx)
	if err != nil {
		return err
	}
	h.id, h.secret = vars["AWS_ACCESS_KEY_ID"], vars["AWS_SECRET_ACCESS_KEY"]
	return nil
}

// link stores a file and returns its signed link.
func (h *holdfast) link(ctx context.Context, s size) (string, error) {
	file := filepath.Join(filepath.Dir(h.config), fmt.Sprintf("%d.bin", s.bytes))
	if err := os.WriteFile(file, noise(s.bytes), 0o600); err != nil {
		return "", err
	}
	target := fmt.Sprintf("links/%d.bin", s.bytes)
	if _, err := h.command(ctx, "files", "put", file, bucketName+"/"+target); err != nil {
		return "", err
	}
	out, err := h.command(ctx, "files", "url", bucketName+"/"+target, "--ttl", "6h")
	if err != nil {
		return "", err
	}
	u, err := url.Parse(strings.TrimSpace(out))
	if err != nil {
		return "", err
	}
	u.Scheme, u.Host = "http", h.edge
	return u.String(), nil
}
