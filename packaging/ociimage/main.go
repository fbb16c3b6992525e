// Command ociimage writes an OCI image layout with one image index, from binaries that were built for several
// platforms. It needs no container engine, and the same input gives the same bytes.
//
//	ociimage -out dist/image -version v1.2.3 -epoch 1760000000 linux/amd64=PATH linux/arm64=PATH
//
// The layout can be copied to a registry with any tool that knows OCI layouts, such as skopeo:
//
//	skopeo copy --all oci:dist/image docker://registry.example.com/holdfast:v1.2.3
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// authorities is where Debian keeps the certificates of all authorities in one file.
const authorities = "/etc/ssl/certs/ca-certificates.crt"

func main() {
	out := flag.String("out", "", "directory to write; must not exist")
	version := flag.String("version", "dev", "version to write into the image")
	epoch := flag.Int64("epoch", 0, "seconds since 1970 that all timestamps get")
	certs := flag.String("certs", authorities, "PEM file with the authorities to trust; \"\" for none")
	flag.Parse()
	if err := run(*out, *version, *epoch, *certs, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "ociimage:", err)
		os.Exit(1)
	}
}

func run(out, version string, epoch int64, certs string, platforms []string) error {
	if out == "" || len(platforms) == 0 {
		return errors.New("want -out DIRECTORY and at least one OS/ARCH=BINARY")
	}
	if _, err := os.Lstat(out); err == nil {
		return fmt.Errorf("%s is there already: remove it first", out)
	}
	r := release{version: version, created: time.Unix(epoch, 0).UTC()}
	if certs != "" {
		pem, err := os.ReadFile(certs)
		if err != nil {
			return fmt.Errorf("%w (apt-get install ca-certificates, or -certs \"\" for an image that trusts nobody)", err)
		}
		r.certs = pem
	}
	for _, p := range platforms {
		b, err := readBinary(p)
		if err != nil {
			return err
		}
		r.binaries = append(r.binaries, b)
	}
	digest, err := r.write(out)
	if err != nil {
		return err
	}
	fmt.Println(digest)
	return nil
}

// readBinary reads what an argument OS/ARCH=PATH names.
func readBinary(argument string) (binary, error) {
	platform, path, ok := strings.Cut(argument, "=")
	system, arch, ok2 := strings.Cut(platform, "/")
	if !ok || !ok2 {
		return binary{}, fmt.Errorf("%q is not OS/ARCH=BINARY", argument)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return binary{}, err
	}
	return binary{platform: v1.Platform{OS: system, Architecture: arch}, content: content}, nil
}
