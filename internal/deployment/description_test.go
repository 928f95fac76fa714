package deployment_test

import (
	"testing"

	"sms-api/internal/deployment"
	"sms-api/internal/version"
)

func TestAFunctionTellsItsVersion(t *testing.T) {
	t.Parallel()
	const most = 256 // https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
	for _, f := range deployment.Functions() {
		if d := f.Description(); deployment.VersionIn(d) != version.Number || len(d) > most {
			t.Errorf("%s is described as %q", f.Name, d)
		}
	}
	for _, other := range []string{"", "sms-api: answers the HTTP API", "another one 1.0: does something", "sms-api 0.1"} {
		if got := deployment.VersionIn(other); got != "" {
			t.Errorf("%q has the version %q", other, got)
		}
	}
}
