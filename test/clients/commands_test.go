package clients

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lifecycle/lifecycletest"
)

// S1-32: the command line of AWS.
func TestAWSCommandLine(t *testing.T) {
	t.Parallel()
	aws := program(t, "aws", "apt-get install awscli")
	overStores(t, func(t *testing.T, at target) {
		src, back, env := tree(t), t.TempDir(), at.environment(t)
		do := func(args ...string) string {
			t.Helper()
			return run(t, env, "", aws, append([]string{"--endpoint-url", at.URL}, args...)...)
		}
		url := "s3://" + at.bucket
		do("s3", "mb", url)
		do("s3", "sync", src, url+"/copy")
		if list := do("s3", "ls", "--recursive", url); strings.Count(list, "\n") != 5 || !strings.Contains(list, "ümläut.bin") {
			t.Errorf("listing:\n%s", list)
		}
		do("s3", "mv", url+"/copy/large.bin", url+"/copy/moved.bin")
		run(t, env, src, "mv", "large.bin", "moved.bin")
		do("s3", "sync", url+"/copy", back)
		sameTree(t, src, back)
		link := strings.TrimSpace(do("s3", "presign", url+"/copy/plain.txt", "--expires-in", "60"))
		if got := fetch(t, link); got != "01234" {
			t.Errorf("presigned: %q", got)
		}
		do("s3", "rb", "--force", url)
	})
}

// fetch reads a URL as a browser would.
func fetch(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b strings.Builder
	if _, err := copyTo(&b, res); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// S1-32: s3cmd, whose signatures and listings are of the older kind.
func TestS3cmd(t *testing.T) {
	t.Parallel()
	s3cmd := program(t, "s3cmd", "apt-get install s3cmd")
	overStores(t, func(t *testing.T, at target) {
		src, back, env := tree(t), t.TempDir(), at.environment(t)
		host := strings.TrimPrefix(at.URL, "http://")
		do := func(args ...string) string {
			t.Helper()
			common := []string{
				"--config=/dev/null", "--no-ssl", "--host=" + host, "--host-bucket=" + host, "--region=holdfast",
				"--access_key=" + at.Key.ID, "--secret_key=" + at.Key.Secret.Reveal(), "--multipart-chunk-size-mb=5", "--no-progress",
			}
			return run(t, env, "", s3cmd, append(common, args...)...)
		}
		url := "s3://" + at.bucket
		do("mb", url)
		do("sync", src+"/", url+"/copy/")
		if list := do("ls", "--recursive", url); strings.Count(list, "\n") != 5 {
			t.Errorf("listing:\n%s", list)
		}
		if info := do("info", url+"/copy/large.bin"); !strings.Contains(info, "17825792") {
			t.Errorf("info:\n%s", info)
		}
		if info := do("info", url); !strings.Contains(info, "holdfast") {
			t.Errorf("info of the bucket:\n%s", info)
		}
		do("setacl", "--acl-private", url+"/copy/plain.txt")
		do("cp", url+"/copy/plain.txt", url+"/other.txt")
		do("mv", url+"/other.txt", url+"/copy2.txt")
		do("sync", url+"/copy/", back+"/")
		sameTree(t, src, back)
		do("rb", "--recursive", "--force", url)
	})
}

// S1-32: rclone checks every object that it moves against its hash.
func TestRclone(t *testing.T) {
	t.Parallel()
	rclone := program(t, "rclone", "apt-get install rclone")
	overStores(t, func(t *testing.T, at target) {
		src, back := tree(t), t.TempDir()
		env := at.environment(t, "RCLONE_CONFIG_HF_TYPE=s3", "RCLONE_CONFIG_HF_PROVIDER=Other", "RCLONE_CONFIG_HF_ENDPOINT="+at.URL,
			"RCLONE_CONFIG_HF_ACCESS_KEY_ID="+at.Key.ID, "RCLONE_CONFIG_HF_SECRET_ACCESS_KEY="+at.Key.Secret.Reveal(),
			"RCLONE_CONFIG_HF_REGION=holdfast", "RCLONE_S3_UPLOAD_CUTOFF=10M", "RCLONE_CONFIG=/dev/null")
		do := func(args ...string) string {
			t.Helper()
			return run(t, env, "", rclone, args...)
		}
		root := "hf:" + at.bucket
		do("mkdir", root)
		do("copy", src, root+"/copy")
		do("check", "--download", src, root+"/copy")
		do("moveto", root+"/copy/plain.txt", root+"/copy/renamed.txt")
		if got := do("cat", root+"/copy/renamed.txt"); got != "01234" {
			t.Errorf("cat: %q", got)
		}
		do("moveto", root+"/copy/renamed.txt", root+"/copy/plain.txt")
		do("sync", root+"/copy", back)
		sameTree(t, src, back)
		if dirs := do("lsf", "--dirs-only", root+"/copy"); dirs != "sub/\n" {
			t.Errorf("directories: %q", dirs)
		}
		do("purge", root)
	})
}

// S1-32: s3fs shows a bucket as a directory, for programs that know only files.
func TestS3fs(t *testing.T) {
	t.Parallel()
	s3fs := program(t, "s3fs", "apt-get install s3fs")
	unmount := program(t, "fusermount", "apt-get install fuse3")
	aws := program(t, "aws", "apt-get install awscli")
	overStores(t, func(t *testing.T, at target) {
		env := at.environment(t)
		run(t, env, "", aws, "--endpoint-url", at.URL, "s3", "mb", "s3://"+at.bucket)
		dir := t.TempDir()
		keys := filepath.Join(t.TempDir(), "keys")
		write(t, keys, at.Key.ID+":"+at.Key.Secret.Reveal())
		cmd := exec.Command(s3fs, at.bucket, dir, "-f", "-o", "url="+at.URL, "-o", "use_path_request_style",
			"-o", "passwd_file="+keys, "-o", "endpoint=holdfast", "-o", "multipart_size=10")
		cmd.Env = env
		var said strings.Builder
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = exec.Command(unmount, "-u", dir).Run() // the wait below tells whether it worked
			_ = cmd.Wait()
		})
		lifecycletest.Eventually(t, 20*time.Second, func() error {
			return mounted(dir)
		})
		src := tree(t)
		run(t, env, "", "cp", "-r", src+"/.", dir)
		run(t, env, dir, "mv", "plain.txt", "sub/moved.txt")
		run(t, env, dir, "mv", "sub/moved.txt", "plain.txt")
		sameTree(t, src, dir)
		run(t, env, dir, "rm", "-r", "sub")
		if _, err := os.Stat(filepath.Join(dir, "sub")); err == nil {
			t.Error("the directory is still there")
		}
	})
}
