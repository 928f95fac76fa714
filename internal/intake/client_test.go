package intake_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oapi-codegen/oapi-codegen/v2/pkg/codegen"
	_ "github.com/oapi-codegen/runtime" // what the generated client imports

	"sms-api/internal/intake/contract"
)

// The document is good enough for a program that is made from it: the client in testdata/client is generated here.
func TestGeneratedClientWorks(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(contract.OpenAPI()))
	if err != nil {
		t.Fatal(err)
	}
	generated, err := codegen.Generate(doc, codegen.Configuration{
		PackageName: "main", Generate: codegen.GenerateOptions{Client: true, Models: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(filepath.Join("testdata", "client", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := map[string]string{"client.go": generated, "main.go": string(program)}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(newSystem(t).handler)
	defer server.Close()
	// Files given by name are compiled with the modules of the folder that the command runs in: this one.
	run := exec.CommandContext(t.Context(), "go", "run", filepath.Join(dir, "client.go"), filepath.Join(dir, "main.go"), server.URL)
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
