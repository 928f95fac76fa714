package awsapi

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sms-api/awslocal/asl"
)

// Limits of Parameter Store's standard tier.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html
const (
	maxParameterBytes  = 4096
	maxParameterLength = 1011
	maxParameterLevels = 15
	maxParameterNames  = 10
	maxVersions        = 100
)

// The types of a parameter.
const (
	plainString  = "String"
	stringList   = "StringList"
	secureString = "SecureString"
)

// parameters is Parameter Store.
type parameters struct {
	clock asl.Clock

	mu     sync.RWMutex
	byName map[string]*parameter
}

// parameter is one parameter with the versions of its value, oldest first, the last 100 of them.
type parameter struct {
	name     string
	kind     string
	versions []parameterVersion
}

type parameterVersion struct {
	number   int
	value    string
	modified time.Time
}

// PutParameter sets a parameter; kind is String, StringList or SecureString. An existing one gets a new version.
func (e *Endpoint) PutParameter(name, kind, value string) error {
	_, err := e.ssm.put(putParameterInput{Name: name, Type: kind, Value: value, Overwrite: true})
	return err
}

type putParameterInput struct {
	Name           string
	Type           string
	Value          string
	Overwrite      bool
	AllowedPattern string
	DataType       string
	Tier           string
	KeyID          string `json:"KeyId"`
	Tags           []struct{ Key, Value string }
}

// accountKey is the key of SSM in each account, with which everything is encrypted here.
const accountKey = "alias/aws/ssm"

// check refuses what Parameter Store refuses though AWS's model does not, but for the name, and what would be lost here.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
func (in putParameterInput) check() error {
	invalid := func(message string) error { return &ServiceError{Code: "ValidationException", Message: message} }
	switch {
	case in.Value == "":
		return validation("''", "value", "have length greater than or equal to 1")
	case len(in.Value) > maxParameterBytes:
		return invalid(fmt.Sprintf("Standard tier parameters support a maximum parameter value of %d characters.", maxParameterBytes))
	case in.Overwrite && len(in.Tags) > 0:
		return invalid("Invalid request: tags and overwrite can't be used together.")
	case len(in.Tags) > 0:
		return invalid("The local endpoint keeps no tags.")
	case in.KeyID != "" && in.Type != secureString:
		return invalid("KeyId is for parameters of the type SecureString.")
	case in.KeyID != "" && in.KeyID != accountKey:
		return &ServiceError{Code: "InvalidKeyId", Message: "The local endpoint has the key " + accountKey + " only."}
	}
	if in.Tier == "Advanced" || in.DataType != "" && in.DataType != "text" {
		return invalid("The local endpoint has parameters of the standard tier and data type text only.")
	}
	return nil
}

func (p *parameters) putParameter(_ context.Context, in putParameterInput) (any, error) {
	version, err := p.put(in)
	if err != nil {
		return nil, err
	}
	return struct {
		Version int
		Tier    string
	}{version, "Standard"}, nil
}

var parameterSegment = regexp.MustCompile(`^[a-zA-Z0-9.\-_]+$`)

// checkParameterName refuses the names that Parameter Store refuses.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html
func checkParameterName(name string) error {
	invalid := func(reason string) error {
		return &ServiceError{Code: "ValidationException", Message: "Parameter name: " + reason}
	}
	path := strings.Split(strings.TrimPrefix(name, "/"), "/")
	first := strings.ToLower(path[0])
	switch {
	case name == "":
		return validation("''", "name", "have length greater than or equal to 1")
	case len(name) > maxParameterLength:
		return invalid(fmt.Sprintf("can't be longer than %d characters.", maxParameterLength))
	case len(path) > maxParameterLevels:
		return &ServiceError{
			Code:    "HierarchyLevelLimitExceededException",
			Message: fmt.Sprintf("A hierarchy can have a maximum of %d levels.", maxParameterLevels),
		}
	case len(path) > 1 && name[0] != '/':
		return &ServiceError{Code: "ValidationException", Message: "Parameter name must be a fully qualified name."}
	case strings.HasPrefix(first, "aws") || strings.HasPrefix(first, "ssm"):
		return invalid(`can't be prefixed with "aws" or "ssm" (case-insensitive).`)
	case slices.ContainsFunc(path, func(segment string) bool { return !parameterSegment.MatchString(segment) }):
		return invalid("can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the " +
			"following 3 symbols .-_")
	}
	return nil
}

func (p *parameters) put(in putParameterInput) (version int, err error) {
	if err := checkParameterName(in.Name); err != nil {
		return 0, err
	}
	if err := in.check(); err != nil {
		return 0, err
	}
	if in.AllowedPattern != "" {
		pattern, err := regexp.Compile(in.AllowedPattern)
		if err != nil {
			return 0, &ServiceError{Code: "InvalidAllowedPatternException",
				Message: "The request does not meet the regular expression requirement: " + err.Error()}
		}
		if !pattern.MatchString(in.Value) {
			return 0, &ServiceError{Code: "ParameterPatternMismatchException",
				Message: "Parameter value, cannot be validated against allowedPattern: " + in.AllowedPattern}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	old, exists := p.byName[in.Name]
	switch {
	case exists && !in.Overwrite:
		return 0, &ServiceError{
			Code:    "ParameterAlreadyExists",
			Message: "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
		}
	case !exists && in.Type == "":
		return 0, &ServiceError{Code: "ValidationException", Message: "A parameter type is required when you create a parameter."}
	case !exists:
		old = &parameter{name: in.Name}
		p.byName[in.Name] = old
	}
	if in.Type != "" {
		old.kind = in.Type
	}
	version = 1
	if n := len(old.versions); n > 0 {
		version = old.versions[n-1].number + 1
	}
	old.versions = append(old.versions, parameterVersion{version, in.Value, p.clock.Now()})
	if len(old.versions) > maxVersions {
		old.versions = slices.Delete(old.versions, 0, 1)
	}
	return version, nil
}

// parameterOutput is a parameter as it is given out.
type parameterOutput struct {
	Name             string
	Type             string
	Value            string
	Version          int
	Selector         string `json:",omitempty"`
	LastModifiedDate epoch
	ARN              string
	DataType         string
}

// output gives out a version. Without decryption a SecureString is a text that tells nothing, as KMS's ciphertext is.
func (p *parameter) output(v parameterVersion, selector string, decrypt bool) parameterOutput {
	value := v.value
	if p.kind == secureString && !decrypt {
		sum := sha256.Sum256([]byte(p.name + "\n" + v.value))
		value = "AQICAH" + base64.StdEncoding.EncodeToString(sum[:])
	}
	return parameterOutput{
		Name: p.name, Type: p.kind, Value: value, Version: v.number, Selector: selector, LastModifiedDate: epoch(v.modified),
		ARN: fmt.Sprintf("arn:aws:ssm:%s:%s:parameter/%s", Region, Account, strings.TrimPrefix(p.name, "/")), DataType: "text",
	}
}

// find finds a parameter by its name or ARN, after which a colon and a version may stand.
func (p *parameters) find(name string, decrypt bool) (parameterOutput, error) {
	wanted := name
	if path, ok := strings.CutPrefix(name, fmt.Sprintf("arn:aws:ssm:%s:%s:parameter/", Region, Account)); ok {
		name = path
		if strings.Contains(path, "/") {
			name = "/" + path
		}
	}
	name, selector, selected := strings.Cut(name, ":")
	p.mu.RLock()
	defer p.mu.RUnlock()
	found, ok := p.byName[name]
	if !ok && strings.HasPrefix(wanted, "arn:") {
		found, ok = p.byName["/"+name]
	}
	if !ok {
		return parameterOutput{}, &ServiceError{Code: "ParameterNotFound", Message: fmt.Sprintf("Parameter %s not found.", wanted)}
	}
	if !selected {
		return found.output(found.versions[len(found.versions)-1], "", decrypt), nil
	}
	for _, v := range found.versions {
		if strconv.Itoa(v.number) == selector {
			return found.output(v, ":"+selector, decrypt), nil
		}
	}
	return parameterOutput{}, &ServiceError{
		Code:    "ParameterVersionNotFound",
		Message: fmt.Sprintf("Systems Manager could not find version %s of %s. Verify the version and try again.", selector, name),
	}
}

type getParameterInput struct {
	Name           string
	WithDecryption bool
}

func (p *parameters) getParameter(_ context.Context, in getParameterInput) (any, error) {
	found, err := p.find(in.Name, in.WithDecryption)
	if err != nil {
		return nil, err
	}
	return struct{ Parameter parameterOutput }{found}, nil
}

type getParametersInput struct {
	Names          []string
	WithDecryption bool
}

func (p *parameters) getParameters(_ context.Context, in getParametersInput) (any, error) {
	out := struct {
		Parameters        []parameterOutput
		InvalidParameters []string
	}{[]parameterOutput{}, []string{}}
	for i, name := range in.Names {
		if slices.Contains(in.Names[:i], name) {
			continue
		}
		found, err := p.find(name, in.WithDecryption)
		if err != nil {
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		out.Parameters = append(out.Parameters, found)
	}
	return out, nil
}

// parameterFilter is a filter of a request: values of which a parameter has one.
type parameterFilter struct {
	Key, Option string
	Values      []string
}

// takes says whether a parameter passes. Filters by Type are of everything, those by Path of DescribeParameters.
func (f parameterFilter) takes(p *parameter) bool {
	if f.Key == "Type" {
		return slices.Contains(f.Values, p.kind)
	}
	return slices.ContainsFunc(f.Values, func(path string) bool {
		rest, ok := strings.CutPrefix(p.name, strings.TrimSuffix(path, "/")+"/")
		return ok && (f.Option == "Recursive" || !strings.Contains(rest, "/"))
	})
}

// checkFilters refuses the filters that are not served, and those that AWS refuses. options are those that each key has.
func checkFilters(filters []parameterFilter, options map[string][]string) error {
	for i, filter := range filters {
		known, ok := options[filter.Key]
		if !ok {
			return &ServiceError{Code: "InvalidFilterKey", Message: fmt.Sprintf("The local endpoint filters by %s only, not by %s.",
				strings.Join(slices.Sorted(maps.Keys(options)), " and "), filter.Key)}
		}
		if filter.Option != "" && !slices.Contains(known, filter.Option) {
			return &ServiceError{Code: "InvalidFilterOption", Message: "The specified filter option isn't valid. Valid options are Equals and " +
				"BeginsWith. For Path filter, valid options are Recursive and OneLevel."}
		}
		if len(filter.Values) == 0 {
			return &ServiceError{Code: "InvalidFilterValue", Message: "The filter value is not valid. Verify the value and try again."}
		}
		if slices.ContainsFunc(filters[:i], func(other parameterFilter) bool { return other.Key == filter.Key }) {
			return &ServiceError{Code: "ValidationException", Message: "The following filters are duplicated in the request: " + filter.Key}
		}
	}
	return nil
}

type describeParametersInput struct {
	ParameterFilters []parameterFilter
	MaxResults       int
	NextToken        string
}

// describedParameter is a parameter without its value.
type describedParameter struct {
	Name             string
	ARN              string
	Type             string
	KeyID            string `json:"KeyId,omitempty"`
	LastModifiedDate epoch
	Version          int
	Tier             string
	DataType         string
}

// mostDescribed is how many parameters DescribeParameters gives when nobody says.
const mostDescribed = 50

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeParameters.html
func (p *parameters) describeParameters(_ context.Context, in describeParametersInput) (any, error) {
	err := checkFilters(in.ParameterFilters, map[string][]string{"Type": {"Equals"}, "Path": {"OneLevel", "Recursive"}})
	if err != nil {
		return nil, err
	}
	for _, f := range in.ParameterFilters {
		if f.Key == "Path" && slices.ContainsFunc(f.Values, func(path string) bool { return !strings.HasPrefix(path, "/") }) {
			return nil, &ServiceError{Code: "InvalidFilterValue", Message: "The filter value is not valid. Verify the value and try again."}
		}
	}
	scope := fmt.Sprintf("described %v", in.ParameterFilters)
	from, err := readToken(in.NextToken, scope)
	if err != nil {
		return nil, &ServiceError{Code: "InvalidNextToken", Message: "The specified token isn't valid."}
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	var all []*parameter
	for _, name := range slices.Sorted(maps.Keys(p.byName)) {
		one := p.byName[name]
		if !slices.ContainsFunc(in.ParameterFilters, func(f parameterFilter) bool { return !f.takes(one) }) {
			all = append(all, one)
		}
	}
	out := struct {
		Parameters []describedParameter
		NextToken  string `json:",omitempty"`
	}{Parameters: []describedParameter{}}
	size := cmp.Or(in.MaxResults, mostDescribed)
	for _, one := range all[min(from, len(all)):min(from+size, len(all))] {
		newest := one.output(one.versions[len(one.versions)-1], "", false)
		described := describedParameter{
			Name: one.name, ARN: newest.ARN, Type: one.kind, LastModifiedDate: newest.LastModifiedDate, Version: newest.Version,
			Tier: "Standard", DataType: newest.DataType,
		}
		if one.kind == secureString {
			described.KeyID = accountKey
		}
		out.Parameters = append(out.Parameters, described)
	}
	if from+size < len(all) {
		out.NextToken = writeToken(from+size, scope)
	}
	return out, nil
}

type getParametersByPathInput struct {
	Path             string
	Recursive        bool
	ParameterFilters []parameterFilter
	WithDecryption   bool
	MaxResults       int
	NextToken        string
}

func (p *parameters) getParametersByPath(_ context.Context, in getParametersByPathInput) (any, error) {
	if !strings.HasPrefix(in.Path, "/") {
		return nil, &ServiceError{Code: "ValidationException",
			Message: `The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/".`}
	}
	if err := checkFilters(in.ParameterFilters, map[string][]string{"Type": {"Equals"}}); err != nil {
		return nil, err
	}
	size := in.MaxResults
	if size == 0 {
		size = maxParameterNames
	}
	scope := fmt.Sprintf("parameters %s %t", in.Path, in.Recursive)
	from, err := readToken(in.NextToken, scope)
	if err != nil {
		return nil, &ServiceError{Code: "InvalidNextToken", Message: "The specified token isn't valid."}
	}
	prefix := strings.TrimSuffix(in.Path, "/") + "/"
	p.mu.RLock()
	defer p.mu.RUnlock()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(p.byName)) {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok || !in.Recursive && strings.Contains(rest, "/") {
			continue
		}
		if slices.ContainsFunc(in.ParameterFilters, func(f parameterFilter) bool { return !f.takes(p.byName[name]) }) {
			continue
		}
		names = append(names, name)
	}
	out := struct {
		Parameters []parameterOutput
		NextToken  string `json:",omitempty"`
	}{Parameters: []parameterOutput{}}
	for _, name := range names[min(from, len(names)):min(from+size, len(names))] {
		found := p.byName[name]
		out.Parameters = append(out.Parameters, found.output(found.versions[len(found.versions)-1], "", in.WithDecryption))
	}
	if from+size < len(names) {
		out.NextToken = writeToken(from+size, scope)
	}
	return out, nil
}
