package config

import (
	"io/fs"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// theirEffects is the test that runs the whole program with the settings of files.
const theirEffects = "TestTheSettingsOfFilesHaveTheirEffects"

// proofs names, for each setting of files, the test that it has its effect. The tables of other rooms have their own lists in their
// documents.
var proofs = map[string]string{
	"paths.state":  "TestEverythingButThePathsMayBeReadOnly",
	"paths.cache":  "TestEverythingButThePathsMayBeReadOnly",
	"paths.backup": "TestEverythingButThePathsMayBeReadOnly",
	"log.level":    theirEffects,
	"log.format":   "TestTextIsOneLineForEachEvent",

	"media.root":    theirEffects,
	"media.url":     theirEffects,
	"media.reserve": "TestAFullDiskRefusesUploadsAndStaysWhole",

	"storage.s3.enabled":       "TestASwitchedOffStoreIsIgnoredAsAWhole",
	"storage.s3.endpoint_url":  "TestTheS3StoreGoesAwayAndComesBack",
	"storage.s3.bucket_name":   "TestTheS3StoreGoesAwayAndComesBack",
	"storage.s3.access_key_id": "TestTheS3StoreGoesAwayAndComesBack",
	"storage.s3.secret_key":    "TestTheS3StoreGoesAwayAndComesBack",
	"storage.s3.region":        "TestAWrongRegionIsNamed",
	"storage.s3.addressing":    "TestACertificateThatProvesNothingIsRefused",
	"storage.s3.ca_file":       "TestACertificateThatProvesNothingIsRefused",
	"storage.s3.prefix":        "TestTheStoreInABucketHasAnID",
	"storage.s3.part_size":     "TestAnOperationCostsWhatTheDocumentationSays",
	"storage.s3.timeout":       "TestASilentServiceIsGivenUp",
	"storage.s3.cache_size":    "TestTheCacheStaysWithinItsBound",

	"s3.listen":        "TestOneProcessListensOnLoopbackAlone",
	"s3.hosts":         theirEffects,
	"s3.region":        theirEffects,
	"s3.sigv2":         theirEffects,
	"s3.tls_cert":      "TestAPublicAddressNeedsTLS",
	"s3.tls_key":       "TestAPublicAddressNeedsTLS",
	"s3.min_rate":      "TestASlowBodyIsCutOffAndStoresNothing",
	"s3.max_in_flight": "TestTheBytesOfUploadsInFlightAreBounded",

	"files.master_key":          "TestAProcessWithAnotherMasterKeyDoesNotStart",
	"files.public_url":          "TestFilesHaveAHostOfTheirOwn",
	"files.link_ttl":            theirEffects,
	"files.link_window":         theirEffects,
	"files.link_max_ttl":        theirEffects,
	"files.session_cookie":      theirEffects,
	"files.sql_signers":         "TestARoleThatMaySignAndIsNotThereIsTold",
	"files.abort_uploads_after": "TestUploadsThatNobodyCompletesAreEnded",
	"files.trash_keep":          theirEffects,
	"files.memory_cache":        "TestTheS3StoreGoesAwayAndComesBack",

	"files.buckets.*.public":        theirEffects,
	"files.buckets.*.max_size":      theirEffects,
	"files.buckets.*.max_objects":   theirEffects,
	"files.buckets.*.types":         theirEffects,
	"files.buckets.*.expire_after":  theirEffects,
	"files.buckets.*.versions":      theirEffects,
	"files.buckets.*.keep_versions": theirEffects,
	"files.buckets.*.inline":        theirEffects,
	"files.buckets.*.resources":     theirEffects,
	"files.buckets.*.origins":       theirEffects,
}

// E-05: no setting of files is read and has no effect: each names the test that shows it, and the test is there.
func TestEverySettingOfFilesNamesItsProof(t *testing.T) {
	t.Parallel()
	missing := maps.Clone(proofs)
	walk("", reflect.TypeFor[Config](), func(e entry) {
		first, _, _ := strings.Cut(e.path, ".")
		if e.table || !slices.Contains([]string{"paths", "log", "media", "storage", "s3", "files"}, first) {
			return
		}
		if proofs[e.path] == "" {
			t.Errorf("%s names no test", e.path)
		}
		delete(missing, e.path)
	})
	for key := range missing {
		t.Errorf("there is no setting %s", key)
	}
	tests := testsOf(t, "../..")
	for key, name := range proofs {
		if !tests[name] {
			t.Errorf("%s: there is no test %s", key, name)
		}
	}
}

// testsOf returns the names of all tests below a directory.
func testsOf(t *testing.T, root string) map[string]bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	tests, tree := map[string]bool{}, os.DirFS(root)
	for _, top := range []string{"internal", "test"} {
		err := fs.WalkDir(tree, top, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "node_modules" {
				return fs.SkipDir
			}
			if d.IsDir() || !strings.HasSuffix(path, "_test.go") {
				return nil
			}
			text, err := fs.ReadFile(tree, path)
			for _, m := range declared.FindAllSubmatch(text, -1) {
				tests[string(m[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return tests
}
