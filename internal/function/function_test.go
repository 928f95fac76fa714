package function

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sms-api/internal/awsenv"
	"sms-api/internal/testkit"
)

// Parameters are asked for in plain text, all with one call; those that do not exist are none.
func TestParameters(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if want := `{"Names":["/a/api-key","/a/none"],"WithDecryption":true}`; err != nil || string(body) != want ||
			r.Header.Get("X-Amz-Target") != "AmazonSSM.GetParameters" {
			t.Errorf("%s %s %v, want %s", r.Header.Get("X-Amz-Target"), body, err, want)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"Parameters":[{"Name":"/a/api-key","Value":"key"}],"InvalidParameters":["/a/none"]}`)
	}))
	t.Cleanup(server.Close)
	read := Parameters(awsenv.New("ap-northeast-2", aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, server.URL))
	values, err := read(t.Context(), []string{"/a/api-key", "/a/none"})
	if err != nil || !maps.Equal(values, map[string]string{"/a/api-key": "key"}) {
		t.Errorf("%v, %v", values, err)
	}
	status = http.StatusBadRequest
	if _, err := read(t.Context(), []string{"/a/api-key", "/a/none"}); err == nil {
		t.Error("a refusal is no error")
	}
}

// What runs on a developer's machine is compiled without the client for Parameter Store.
func TestTheLocalSystemIsCompiledWithout(t *testing.T) {
	t.Parallel()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "./local")
	list.Dir = testkit.Root(t)
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	for _, one := range []string{"github.com/aws/aws-sdk-go-v2/service/ssm", "sms-api/internal/function"} {
		if slices.Contains(packages, one) {
			t.Errorf("it is compiled of %s, too", one)
		}
	}
	if !slices.Contains(packages, "sms-api/internal/wiring") {
		t.Error("it is not compiled of what functions are made of")
	}
}
