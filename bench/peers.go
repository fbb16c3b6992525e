package main

import (
	"context"
	"os"
	"path/filepath"
)

const (
	peerID     = "benchaccesskey"
	peerSecret = "benchsecretkey"
)

// targets are Holdfast and its peers. The first one is Holdfast.
func (b *bench) targets(_ context.Context) ([]*target, error) {
	ours, err := newTarget("Holdfast", b.holdfast.process, b.holdfast.s3, b.holdfast.id, b.holdfast.secret, "holdfast")
	if err != nil {
		return nil, err
	}
	all := []*target{ours}
	for _, p := range []struct {
		name string
		args func(addr, data string) []string
	}{
		{"versitygw", func(addr, data string) []string {
			return []string{"--port", addr, "--keep-alive", "--quiet", "--access", peerID, "--secret", peerSecret, "posix", data}
		}},
		{"rclone", func(addr, data string) []string {
			return []string{"serve", "s3", "--addr", addr, "--auth-key", peerID + "," + peerSecret, data}
		}},
	} {
		t, err := b.peer(p.name, p.args)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

func (b *bench) peer(name string, args func(addr, data string) []string) (*target, error) {
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(b.dir, name)
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, err
	}
	p, err := run(b.dir, name, addr, nil, tool(name), args(addr, data)...)
	if err != nil {
		return nil, err
	}
	return newTarget(name, p, addr, peerID, peerSecret, "us-east-1")
}

// tool prefers the version that the project pins.
func tool(name string) string {
	if local := filepath.Join(".tools", "bin", name); exists(local) {
		return local
	}
	return name
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// versions names what a room measured beside Holdfast.
func versions(room string) []string {
	postgres := firstLine(filepath.Join(postgresPrograms(), "postgres"), "--version")
	switch room {
	case "pooler", "pooler-idle":
		return []string{pgbouncerVersion(), postgres}
	case "s3":
		return []string{firstLine(tool("versitygw"), "--version"), firstLine(tool("rclone"), "version"), postgres}
	case "content":
		return []string{firstLine("git", "--version"), firstLine(tool("versitygw"), "--version"), postgres}
	case "assets":
		return assetVersions()
	case "edge":
		return edgeVersions()
	default:
		return []string{firstLine("nginx", "-v"), postgres}
	}
}
