package version_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/mod/semver"

	"sms-api/internal/version"
)

// TestNumber holds the version to the changelog, and the API's document to the version.
func TestNumber(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	releases := regexp.MustCompile(`(?m)^## \[(\d[^\]]*)\]`).FindStringSubmatch(string(data))
	if releases == nil {
		t.Fatal("the changelog has no release")
	}
	_, unreleased, _ := strings.Cut(string(data), "\n## [Unreleased]\n")
	unreleased, _, _ = strings.Cut(unreleased, "\n## [")
	newest := "v" + releases[1]
	switch number := "v" + version.Number; {
	case !semver.IsValid(number):
		t.Errorf("%s is no version", version.Number)
	case strings.TrimSpace(unreleased) == "" && number != newest:
		t.Errorf("the version is %s, and the newest in the changelog %s", version.Number, newest)
	case strings.TrimSpace(unreleased) != "" && (semver.Compare(number, newest) <= 0 || semver.Prerelease(number) != "-dev"):
		t.Errorf("the version is %s; with something unreleased after %s it is a later one with -dev", version.Number, newest)
	}
	document, err := os.ReadFile("../intake/contract/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var said struct{ Info struct{ Version string } }
	if err := json.Unmarshal(document, &said); err != nil {
		t.Fatal(err)
	}
	if said.Info.Version != version.Number {
		t.Errorf("the API's document is of version %s, and the product of %s", said.Info.Version, version.Number)
	}
}
