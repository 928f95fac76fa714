package awsapi_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sms-api/awslocal/awsapi"
)

func TestParameter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		name := aws.String("/sms-api/aligo/api-key")
		put := func(value string, overwrite bool) (*ssm.PutParameterOutput, error) {
			return w.ssm.PutParameter(t.Context(), &ssm.PutParameterInput{Name: name, Value: &value, Type: types.ParameterTypeSecureString,
				Overwrite: &overwrite})
		}
		out, err := put("one", false)
		if err != nil || out.Version != 1 || out.Tier != "Standard" {
			t.Fatalf("PutParameter = %+v, %v", out, err)
		}
		if _, err := put("two", false); code(err) != "ParameterAlreadyExists" {
			t.Errorf("without Overwrite: %v", err)
		}
		time.Sleep(time.Minute)
		if out, err := put("two", true); err != nil || out.Version != 2 {
			t.Errorf("with Overwrite: %+v, %v", out, err)
		}
		got, err := w.ssm.GetParameter(t.Context(), &ssm.GetParameterInput{Name: name, WithDecryption: aws.Bool(true)})
		if err != nil {
			t.Fatal(err)
		}
		if p := got.Parameter; *p.Value != "two" || p.Version != 2 || p.Type != "SecureString" || *p.Name != *name ||
			!p.LastModifiedDate.Equal(time.Now()) || p.Selector != nil ||
			*p.ARN != "arn:aws:ssm:ap-northeast-2:000000000000:parameter/sms-api/aligo/api-key" || *p.DataType != "text" {
			t.Errorf("parameter = %+v", p)
		}
		// Without decryption it is something else than the value, and tells nothing.
		got, err = w.ssm.GetParameter(t.Context(), &ssm.GetParameterInput{Name: name})
		if err != nil || strings.Contains(*got.Parameter.Value, "two") || len(*got.Parameter.Value) < 40 {
			t.Errorf("without decryption: %+v, %v", got.Parameter, err)
		}
		for selector, want := range map[string]string{"/sms-api/aligo/api-key:1": "one", "/sms-api/aligo/api-key:2": "two",
			"arn:aws:ssm:ap-northeast-2:000000000000:parameter/sms-api/aligo/api-key": "two"} {
			got, err := w.ssm.GetParameter(t.Context(), &ssm.GetParameterInput{Name: &selector, WithDecryption: aws.Bool(true)})
			if err != nil || *got.Parameter.Value != want {
				t.Errorf("%s: %+v, %v", selector, got, err)
			}
		}
		if _, err := w.ssm.GetParameter(t.Context(),
			&ssm.GetParameterInput{Name: aws.String("/sms-api/aligo/api-key:3")}); code(err) != "ParameterVersionNotFound" {
			t.Errorf("version 3: %v", err)
		}
		if _, err := w.ssm.GetParameter(t.Context(), &ssm.GetParameterInput{Name: aws.String("/none")}); code(err) != "ParameterNotFound" {
			t.Errorf("/none: %v", err)
		}
	})
}

// The type stays when it is not given again, and only the last 100 versions can be read.
func TestParameterVersions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		if err := w.PutParameter("plain", "StringList", "v1"); err != nil {
			t.Fatal(err)
		}
		for i := 2; i <= 102; i++ {
			if _, err := w.ssm.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("plain"), Value: aws.String(fmt.Sprint("v", i)),
				Overwrite: aws.Bool(true)}); err != nil {
				t.Fatal(err)
			}
		}
		for name, want := range map[string]string{"plain": "v102", "plain:3": "v3",
			"arn:aws:ssm:ap-northeast-2:000000000000:parameter/plain": "v102"} {
			got, err := w.ssm.GetParameter(t.Context(), &ssm.GetParameterInput{Name: &name})
			if err != nil || *got.Parameter.Value != want || got.Parameter.Type != "StringList" ||
				*got.Parameter.ARN != "arn:aws:ssm:ap-northeast-2:000000000000:parameter/plain" {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
		if _, err := w.ssm.GetParameter(t.Context(),
			&ssm.GetParameterInput{Name: aws.String("plain:2")}); code(err) != "ParameterVersionNotFound" {
			t.Errorf("version 2 of 102: %v", err)
		}
	})
}

func TestParameterRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		in := func(change func(*ssm.PutParameterInput)) *ssm.PutParameterInput {
			in := &ssm.PutParameterInput{Name: aws.String("/a/b"), Value: aws.String("v"), Type: "String"}
			change(in)
			return in
		}
		named := func(name string) *ssm.PutParameterInput { return in(func(i *ssm.PutParameterInput) { i.Name = &name }) }
		for about, c := range map[string]struct {
			in   *ssm.PutParameterInput
			want string
		}{
			"no name":                {named(""), "ValidationException"},
			"a long name":            {named("/" + strings.Repeat("x", 1011)), "ValidationException"},
			"a deep name":            {named(strings.Repeat("/x", 16)), "HierarchyLevelLimitExceededException"},
			"a path without a slash": {named("a/b"), "ValidationException"},
			"an empty level":         {named("/a//b"), "ValidationException"},
			"a slash at the end":     {named("/a/"), "ValidationException"},
			"a blank":                {named("/a b"), "ValidationException"},
			"a name of AWS":          {named("/AWS/x"), "ValidationException"},
			"a name of SSM":          {named("ssm-x"), "ValidationException"},
			"no value":               {in(func(i *ssm.PutParameterInput) { i.Value = aws.String("") }), "ValidationException"},
			"a large value": {in(func(i *ssm.PutParameterInput) { i.Value = aws.String(strings.Repeat("x", 4097)) }),
				"ValidationException"},
			"no type":               {in(func(i *ssm.PutParameterInput) { i.Type = "" }), "ValidationException"},
			"an unknown type":       {in(func(i *ssm.PutParameterInput) { i.Type = "Number" }), "ValidationException"},
			"an advanced parameter": {in(func(i *ssm.PutParameterInput) { i.Tier = "Advanced" }), "ValidationException"},
			"another data type":     {in(func(i *ssm.PutParameterInput) { i.DataType = aws.String("aws:ec2:image") }), "ValidationException"},
			"tags and overwrite": {in(func(i *ssm.PutParameterInput) {
				i.Overwrite, i.Tags = aws.Bool(true), []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}
			}), "ValidationException"},
			"tags": {in(func(i *ssm.PutParameterInput) { i.Tags = []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}} }),
				"ValidationException"},
			"a key of one's own": {in(func(i *ssm.PutParameterInput) { i.Type, i.KeyId = "SecureString", aws.String("alias/mine") }),
				"InvalidKeyId"},
			"a key for what is not encrypted": {in(func(i *ssm.PutParameterInput) { i.KeyId = aws.String("alias/aws/ssm") }),
				"ValidationException"},
			"a key that can be none": {in(func(i *ssm.PutParameterInput) { i.Type, i.KeyId = "SecureString", aws.String("a key") }),
				"ValidationException"},
			"policies":        {in(func(i *ssm.PutParameterInput) { i.Policies = aws.String(`[]`) }), "ValidationException"},
			"a description":   {in(func(i *ssm.PutParameterInput) { i.Description = aws.String("d") }), "ValidationException"},
			"an unknown tier": {in(func(i *ssm.PutParameterInput) { i.Tier = "Premium" }), "ValidationException"},
			"a long pattern": {in(func(i *ssm.PutParameterInput) { i.AllowedPattern = aws.String(strings.Repeat("v", 1025)) }),
				"ValidationException"},
			"a long data type": {in(func(i *ssm.PutParameterInput) { i.DataType = aws.String(strings.Repeat("t", 129)) }), "ValidationException"},
			"a value that the pattern forbids": {in(func(i *ssm.PutParameterInput) { i.AllowedPattern = aws.String("^[0-9]+$") }),
				"ParameterPatternMismatchException"},
			"a pattern that is none": {in(func(i *ssm.PutParameterInput) { i.AllowedPattern = aws.String("[") }),
				"InvalidAllowedPatternException"},
		} {
			if _, err := w.ssm.PutParameter(t.Context(), c.in); code(err) != c.want {
				t.Errorf("%s: %v, want %s", about, err, c.want)
			}
		}
		if _, err := w.ssm.PutParameter(t.Context(), in(func(i *ssm.PutParameterInput) { i.AllowedPattern = aws.String("^v$") })); err != nil {
			t.Error(err)
		}
		if _, err := w.ssm.PutParameter(t.Context(), in(func(i *ssm.PutParameterInput) {
			i.Name, i.Type, i.KeyId = aws.String("/a/key"), "SecureString", aws.String("alias/aws/ssm")
		})); err != nil {
			t.Errorf("the account's own key: %v", err)
		}
		if err := w.PutParameter("/aws/x", "String", "v"); err == nil {
			t.Error("PutParameter takes a name of AWS")
		}
	})
}

func TestGetParameters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		for _, name := range []string{"/p/a", "/p/b"} {
			if err := w.PutParameter(name, "SecureString", "secret of "+name); err != nil {
				t.Fatal(err)
			}
		}
		out, err := w.ssm.GetParameters(t.Context(), &ssm.GetParametersInput{Names: []string{"/p/b", "/p/none", "/p/a", "/p/b", "/p/a:9"},
			WithDecryption: aws.Bool(true)})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, p := range out.Parameters {
			got[*p.Name] = *p.Value
		}
		if want := map[string]string{"/p/a": "secret of /p/a", "/p/b": "secret of /p/b"}; !reflect.DeepEqual(got, want) ||
			len(out.Parameters) != 2 {
			t.Errorf("parameters = %v, want %v", got, want)
		}
		if want := []string{"/p/none", "/p/a:9"}; !reflect.DeepEqual(out.InvalidParameters, want) {
			t.Errorf("invalid = %v, want %v", out.InvalidParameters, want)
		}
		for _, n := range []int{0, 11} {
			names := make([]string, n)
			for i := range names {
				names[i] = fmt.Sprint("/p/", i)
			}
			if _, err := w.ssm.GetParameters(t.Context(), &ssm.GetParametersInput{Names: names}); code(err) != "ValidationException" {
				t.Errorf("%d names: %v", n, err)
			}
		}
	})
}

func TestGetParametersByPath(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		for _, name := range []string{"/p/c", "/p/a", "/p/b", "/p/deep/x", "/pp/y", "/p"} {
			kind := "String"
			if name == "/p/b" {
				kind = "SecureString"
			}
			if err := w.PutParameter(name, kind, "v"); err != nil {
				t.Fatal(err)
			}
		}
		read := func(in *ssm.GetParametersByPathInput) (pages [][]string) {
			for {
				out, err := w.ssm.GetParametersByPath(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				var names []string
				for _, p := range out.Parameters {
					names = append(names, *p.Name)
				}
				pages = append(pages, names)
				if in.NextToken = out.NextToken; in.NextToken == nil {
					return pages
				}
			}
		}
		for about, c := range map[string]struct {
			in   *ssm.GetParametersByPathInput
			want [][]string
		}{
			"one level": {&ssm.GetParametersByPathInput{Path: aws.String("/p")}, [][]string{{"/p/a", "/p/b", "/p/c"}}},
			"a slash":   {&ssm.GetParametersByPathInput{Path: aws.String("/p/")}, [][]string{{"/p/a", "/p/b", "/p/c"}}},
			"all levels": {&ssm.GetParametersByPathInput{Path: aws.String("/p"), Recursive: aws.Bool(true)},
				[][]string{{"/p/a", "/p/b", "/p/c", "/p/deep/x"}}},
			"pages": {&ssm.GetParametersByPathInput{Path: aws.String("/p"), Recursive: aws.Bool(true), MaxResults: aws.Int32(3)},
				[][]string{{"/p/a", "/p/b", "/p/c"}, {"/p/deep/x"}}},
			"everything": {&ssm.GetParametersByPathInput{Path: aws.String("/"), Recursive: aws.Bool(true)},
				[][]string{{"/p", "/p/a", "/p/b", "/p/c", "/p/deep/x", "/pp/y"}}},
			"a type": {&ssm.GetParametersByPathInput{Path: aws.String("/p"),
				ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("Type"), Values: []string{"SecureString"}}}}, [][]string{{"/p/b"}}},
			"nothing": {&ssm.GetParametersByPathInput{Path: aws.String("/none")}, [][]string{nil}},
		} {
			if got := read(c.in); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: %v, want %v", about, got, c.want)
			}
		}
		for about, c := range map[string]struct {
			in   *ssm.GetParametersByPathInput
			want string
		}{
			"a relative path":    {&ssm.GetParametersByPathInput{Path: aws.String("p")}, "ValidationException"},
			"eleven":             {&ssm.GetParametersByPathInput{Path: aws.String("/p"), MaxResults: aws.Int32(11)}, "ValidationException"},
			"a token of nothing": {&ssm.GetParametersByPathInput{Path: aws.String("/p"), NextToken: aws.String("x")}, "InvalidNextToken"},
			"a filter not served": {&ssm.GetParametersByPathInput{Path: aws.String("/p"),
				ParameterFilters: []types.ParameterStringFilter{{Key: aws.String("Label")}}}, "InvalidFilterKey"},
		} {
			if _, err := w.ssm.GetParametersByPath(t.Context(), c.in); code(err) != c.want {
				t.Errorf("%s: %v, want %s", about, err, c.want)
			}
		}
	})
}

func TestDescribeParameters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		for _, name := range []string{"/p/c", "/p/a", "/p/deep/x", "/pp/y"} {
			if err := w.PutParameter(name, "SecureString", "secret"); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.PutParameter("/p/b", "String", "v"); err != nil {
			t.Fatal(err)
		}
		filter := func(key, option string, values ...string) types.ParameterStringFilter {
			f := types.ParameterStringFilter{Key: &key, Values: values}
			if option != "" {
				f.Option = &option
			}
			return f
		}
		for about, c := range map[string]struct {
			filters []types.ParameterStringFilter
			most    *int32
			want    [][]string
			failure string
		}{
			"all of them": {want: [][]string{{"/p/a", "/p/b", "/p/c", "/p/deep/x", "/pp/y"}}},
			"below a path": {filters: []types.ParameterStringFilter{filter("Path", "Recursive", "/p")},
				want: [][]string{{"/p/a", "/p/b", "/p/c", "/p/deep/x"}}},
			"right below it": {filters: []types.ParameterStringFilter{filter("Path", "", "/p/")}, want: [][]string{{"/p/a", "/p/b", "/p/c"}}},
			"of a type and below a path": {
				filters: []types.ParameterStringFilter{filter("Path", "OneLevel", "/p"), filter("Type", "Equals", "SecureString")},
				want:    [][]string{{"/p/a", "/p/c"}},
			},
			"in pages":            {most: aws.Int32(3), want: [][]string{{"/p/a", "/p/b", "/p/c"}, {"/p/deep/x", "/pp/y"}}},
			"a filter not served": {filters: []types.ParameterStringFilter{filter("Label", "", "x")}, failure: "InvalidFilterKey"},
			"a filter twice": {filters: []types.ParameterStringFilter{filter("Path", "", "/p"), filter("Path", "", "/pp")},
				failure: "ValidationException"},
			"another option": {filters: []types.ParameterStringFilter{filter("Path", "Equals", "/p")}, failure: "InvalidFilterOption"},
			"no path":        {filters: []types.ParameterStringFilter{filter("Path", "", "p")}, failure: "InvalidFilterValue"},
		} {
			in := &ssm.DescribeParametersInput{ParameterFilters: c.filters, MaxResults: c.most}
			var got [][]string
			failure := ""
			for {
				out, err := w.ssm.DescribeParameters(t.Context(), in)
				if failure = code(err); err != nil {
					break
				}
				var names []string
				for _, p := range out.Parameters {
					names = append(names, *p.Name)
					if isSecret := p.Type == types.ParameterTypeSecureString; isSecret != (p.KeyId != nil) || p.Version != 1 || p.LastModifiedDate == nil {
						t.Errorf("%s: %+v", about, p)
					}
				}
				got = append(got, names)
				if in.NextToken = out.NextToken; in.NextToken == nil {
					break
				}
			}
			if !reflect.DeepEqual(got, c.want) || failure != c.failure {
				t.Errorf("%s: %v %s, want %v %s", about, got, failure, c.want, c.failure)
			}
		}
	})
}
