package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"holdfast/internal/admin"
	"holdfast/internal/atomicfile"
	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/files"
	"holdfast/internal/objects"
)

// appKey is the application's access key, as it is kept in the state directory.
type appKey struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
}

// appName is what may stand in the name of a file.
var appName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

func s3Variables(ctx context.Context, client *control.Client, cfg *config.Config, o envOptions) ([]variable, error) {
	if !appName.MatchString(o.app) {
		return nil, fault.New(fault.Usage, "app_name", "%q is no name for an application", o.app).
			WithHint("use a-z, 0-9, - and _, as in journal")
	}
	key, err := keepKey(ctx, client, cfg, o)
	if err != nil {
		return nil, err
	}
	endpoint, err := s3Endpoint(ctx, client, cfg)
	if err != nil {
		return nil, err
	}
	region := cfg.S3.Region
	if region == "" {
		region = "us-east-1" // any is accepted, but SDKs want one
	}
	return []variable{
		{"AWS_ACCESS_KEY_ID", key.ID},
		{"AWS_SECRET_ACCESS_KEY", key.Secret},
		{"AWS_ENDPOINT_URL_S3", endpoint},
		{"AWS_S3_ENDPOINT_URL", endpoint},
		{"AWS_REGION", region},
		{"AWS_DEFAULT_REGION", region},
	}, nil
}

// keepKey returns the key of the application, which is made by the first call, and again when the kept one works no more.
func keepKey(ctx context.Context, client *control.Client, cfg *config.Config, o envOptions) (appKey, error) {
	path := filepath.Join(cfg.Paths.State, "secrets", "access-key-"+o.app+".json")
	old, err := readKey(path)
	if err == nil && old.ID != "" {
		err = giveToService(cfg, filepath.Dir(path)) // an older version left it to root
	}
	if err != nil {
		return old, err
	}
	works, err := keyWorks(ctx, client, old.ID)
	if err != nil || works && !o.renew {
		return old, err
	}
	made, err := control.Call[files.AccessKeyInfo](ctx, client, routeKeyCreate, files.CreateAccessKeyRequest{
		App: o.app, Policy: objects.Policy{Statements: []objects.Statement{{
			Buckets: []string{"*"},
			Actions: []objects.Action{objects.ActionRead, objects.ActionList, objects.ActionWrite, objects.ActionDelete},
		}}},
	})
	if err != nil {
		return appKey{}, err
	}
	key := appKey{made.ID, made.Secret}
	text, err := json.Marshal(key)
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), atomicfile.WriteFile(path, append(text, '\n'), 0o600))
	}
	if err == nil {
		err = giveToService(cfg, filepath.Dir(path))
	}
	if err != nil {
		return key, fmt.Errorf("keep the access key of %s: %w", o.app, err)
	}
	if !works {
		return key, nil
	}
	_, err = control.Call[files.Empty](ctx, client, routeKeyRevoke, files.AccessKeyRef{ID: old.ID})
	return key, err
}

// keyWorks reports whether a key exists and has not ended. While no daemon runs, nobody can say otherwise.
func keyWorks(ctx context.Context, client *control.Client, id string) (bool, error) {
	if id == "" {
		return false, nil
	}
	answer, err := control.Call[files.ListAccessKeysAnswer](ctx, client, routeKeyList, files.Empty{})
	if fault.KindOf(err) == fault.Unavailable {
		return true, nil
	}
	works := slices.ContainsFunc(answer.Keys, func(k files.AccessKeyInfo) bool {
		return k.ID == id && k.Revoked == nil && (k.NotAfter == nil || k.NotAfter.After(time.Now()))
	})
	return works, err
}

// readKey returns the kept key; the zero value when there is none.
func readKey(path string) (appKey, error) {
	var key appKey
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return key, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &key)
	}
	if err != nil {
		return key, fault.New(fault.Config, "access_key_file", "read the kept access key %s: %w", path, withoutText(err)).
			WithHint("delete the file to have a new key made")
	}
	return key, nil
}

// withoutText keeps parts of a secret out of an error about its encoding.
func withoutText(err error) error {
	if s := (*json.SyntaxError)(nil); errors.As(err, &s) {
		return errors.New("not the JSON that was written")
	}
	return err
}

// s3Endpoint returns the address of the endpoint: the first public name of the configuration, else where it listens.
func s3Endpoint(ctx context.Context, client *control.Client, cfg *config.Config) (string, error) {
	if len(cfg.S3.Hosts) > 0 {
		if h := cfg.S3.Hosts[0]; strings.Contains(h, "://") {
			return strings.TrimSuffix(h, "/"), nil
		}
		return "https://" + cfg.S3.Hosts[0], nil
	}
	if strings.HasPrefix(cfg.S3.Listen, "unix:") {
		return "", fault.New(fault.Config, "s3_socket", "the S3 endpoint listens on a Unix socket, where no client reaches it by itself").
			WithHint("name the address of the proxy in front of it in s3.hosts, or leave the variables out with --no-s3")
	}
	return listenURL(ctx, client, "s3", cfg.S3.Listen, cfg.S3.TLSCert != "")
}

// listenURL returns the URL of a listener. One whose port is chosen at the start is asked for.
func listenURL(ctx context.Context, client *control.Client, section, addr string, tls bool) (string, error) {
	if _, port, err := net.SplitHostPort(addr); err == nil && port == "0" {
		r, err := control.Call[admin.Report](ctx, client, "/v1/status", control.Empty{})
		return fact(r, section, "url"), err
	}
	if tls {
		return "https://" + addr, nil
	}
	return "http://" + addr, nil
}

// fact finds a fact in a status; "" when it is not there.
func fact(r admin.Report, section, name string) string {
	for _, s := range r.Sections {
		for _, f := range s.Facts {
			if s.Name == section && f.Name == name {
				return fmt.Sprint(f.Value)
			}
		}
	}
	return ""
}
