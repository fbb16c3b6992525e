package clients

import (
	"os"
	"strings"
	"testing"
)

// S1-32, S1-46: the AWS SDK for JavaScript, with streams, presigned uploads and forms as browsers send them.
func TestAWSSDKForJavaScript(t *testing.T) {
	t.Parallel()
	node := program(t, "node", "apt-get install nodejs npm")
	if _, err := os.Stat("js/node_modules/@aws-sdk/client-s3"); err != nil {
		t.Fatal("the SDK is needed for this test: npm ci --prefix test/clients/js")
	}
	overStores(t, func(t *testing.T, at target) {
		out := run(t, at.environment(t), "js", node, "client.mjs")
		if n := strings.Count(out, "ok "); n != 10 {
			t.Errorf("%d steps of 10:\n%s", n, out)
		}
	})
}
