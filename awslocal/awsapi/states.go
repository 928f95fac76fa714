package awsapi

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/google/uuid"

	"sms-api/awslocal/asl"
	"sms-api/awslocal/rawjson"
)

// Limits of Step Functions' API.
const (
	maxNameLength   = 80
	maxInputBytes   = 262_144
	defaultPageSize = 100
)

// states is the Step Functions service.
type states struct {
	endpoint   *Endpoint
	background background

	mu       sync.RWMutex
	machines map[string]*stateMachine
	// others are other names of theirs.
	others map[string]string
}

func newStates(e *Endpoint) *states {
	return &states{endpoint: e, machines: map[string]*stateMachine{}, others: map[string]string{}}
}

// AlsoCalled has a state machine answer to another name, too. What it says of itself has its own.
func (e *Endpoint) AlsoCalled(other, name string) {
	e.states.mu.Lock()
	defer e.states.mu.Unlock()
	e.states.others[other] = name
}

// called is the state machine of this name, which may be its other one. The lock is held.
func (s *states) called(name string) (*stateMachine, bool) {
	if own, ok := s.others[name]; ok {
		name = own
	}
	m, ok := s.machines[name]
	return m, ok
}

// StateMachineARN is the ARN of a state machine of the endpoint.
func StateMachineARN(name string) string {
	return fmt.Sprintf("arn:aws:states:%s:%s:stateMachine:%s", Region, Account, name)
}

func executionARN(machine, name string) string {
	return fmt.Sprintf("arn:aws:states:%s:%s:execution:%s:%s", Region, Account, machine, name)
}

// StateMachine makes a STANDARD state machine and returns its ARN. A definition that is refused is an *asl.DefinitionError;
// it is refused, too, for resources and arguments that the endpoint does not serve.
func (e *Endpoint) StateMachine(name, roleARN string, definition []byte) (arn string, err error) {
	if err := checkName(name); err != nil {
		return "", fmt.Errorf("state machine: %w", err)
	}
	machine, err := asl.ParseFor(definition, e.served)
	if err != nil {
		return "", fmt.Errorf("state machine %s: %w", name, err)
	}
	e.states.mu.Lock()
	defer e.states.mu.Unlock()
	if _, ok := e.states.machines[name]; ok {
		return "", &ServiceError{Code: "StateMachineAlreadyExists",
			Message: fmt.Sprintf("State Machine Already Exists: '%s'", StateMachineARN(name))}
	}
	m := &stateMachine{
		name: name, arn: StateMachineARN(name), roleARN: roleARN, definition: string(definition), created: e.clock.Now(),
		machine: machine, byName: map[string]*execution{},
	}
	// A copy, because close reads the map without the lock.
	machines := maps.Clone(e.states.machines)
	machines[name] = m
	e.states.machines = machines
	return m.arn, nil
}

// stateMachine finds the state machine that an ARN stands for. Nobody publishes versions here or names aliases, so an ARN
// with either stands for nothing.
func (s *states) stateMachine(arn string) (*stateMachine, error) {
	name, err := resource(arn, "stateMachine", "stateMachineArn")
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	m, ok := s.called(name)
	if !ok || !here(arn) {
		return nil, &ServiceError{Code: "StateMachineDoesNotExist", Message: fmt.Sprintf("State Machine Does Not Exist: '%s'", arn)}
	}
	return m, nil
}

func (s *states) execution(arn string) (*execution, error) {
	rest, err := resource(arn, "execution", "executionArn")
	if err != nil {
		return nil, err
	}
	machine, name, ok := strings.Cut(rest, ":")
	if !ok || name == "" {
		return nil, invalidARN("Invalid Arn: '%s'", arn)
	}
	s.mu.RLock()
	m, ok := s.called(machine)
	s.mu.RUnlock()
	if !ok || !here(arn) {
		return nil, executionDoesNotExist(arn)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	x, ok := m.byName[name]
	if !ok {
		return nil, executionDoesNotExist(arn)
	}
	return x, nil
}

func executionDoesNotExist(arn string) error {
	return &ServiceError{Code: "ExecutionDoesNotExist", Message: fmt.Sprintf("Execution Does Not Exist: '%s'", arn)}
}

func invalidARN(format string, args ...any) error {
	return &ServiceError{Code: "InvalidArn", Message: "Invalid Arn: '" + fmt.Sprintf(format, args...) + "'"}
}

func validation(value, member, constraint string) error {
	return &ServiceError{
		Code: "ValidationException",
		Message: fmt.Sprintf("1 validation error detected: Value %s at '%s' failed to satisfy constraint: Member must %s", value, member,
			constraint),
	}
}

// resource is what follows the type in an ARN of Step Functions.
func resource(arn, kind, member string) (string, error) {
	switch {
	case arn == "":
		return "", validation("null", member, "not be null")
	case !strings.HasPrefix(arn, "arn:"):
		return "", invalidARN("Invalid ARN prefix: %s", arn)
	}
	parts := strings.SplitN(arn, ":", 7)
	if len(parts) < 7 || parts[6] == "" {
		return "", invalidARN("Invalid ARN length: %s", arn)
	}
	if parts[2] != "states" || parts[5] != kind {
		return "", invalidARN("Resource type not valid in this context: %s", parts[5])
	}
	return parts[6], nil
}

// here tells whether an ARN is of the endpoint's account and region.
func here(arn string) bool {
	return strings.HasPrefix(arn, fmt.Sprintf("arn:aws:states:%s:%s:", Region, Account))
}

// checkName refuses the names that Step Functions refuses.
func checkName(name string) error {
	if name == "" || utf8.RuneCountInString(name) > maxNameLength {
		return validation("'"+name+"'", "name", fmt.Sprintf("have length between 1 and %d", maxNameLength))
	}
	for _, c := range name {
		if c <= 0x20 || c >= 0x7f && c <= 0x9f || c == 0xfffe || c == 0xffff || c == utf8.RuneError ||
			strings.ContainsRune("<>{}[]?*\"#%\\^|~`$&,;:/", c) {
			return &ServiceError{Code: "InvalidName", Message: fmt.Sprintf("Invalid Name: '%s'", name)}
		}
	}
	return nil
}

type startExecutionInput struct {
	StateMachineARN string  `json:"stateMachineArn"`
	Name            *string `json:"name"`
	Input           *string `json:"input"`
	TraceHeader     string  `json:"traceHeader"`
}

func (s *states) startExecution(_ context.Context, in startExecutionInput) (any, error) {
	m, err := s.stateMachine(in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	name := uuid.NewString()
	if in.Name != nil {
		name = *in.Name
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	input := "{}"
	if in.Input != nil {
		input = *in.Input
	}
	if len(input) > maxInputBytes {
		return nil, validation("of the input", "input", fmt.Sprintf("have length less than or equal to %d", maxInputBytes))
	}
	if !rawjson.Valid([]byte(input)) {
		reason := "Invalid execution input."
		var value any
		if err := json.Unmarshal([]byte(input), &value); err != nil && input != "" {
			reason = err.Error()
		}
		return nil, &ServiceError{Code: "InvalidExecutionInput", Message: "Invalid State Machine Execution Input: '" + reason + "'"}
	}
	x, err := s.start(m, name, input, in.TraceHeader)
	if err != nil {
		return nil, err
	}
	return struct {
		ExecutionARN string `json:"executionArn"`
		StartDate    epoch  `json:"startDate"`
	}{x.arn, epoch(x.start)}, nil
}

type executionInput struct {
	ExecutionARN string `json:"executionArn"`
	IncludedData string `json:"includedData"`
}

// metadataOnly leaves out what may be encrypted with a key of one's own.
const metadataOnly = "METADATA_ONLY"

// executionItem is what ListExecutions and DescribeExecution have in common.
type executionItem struct {
	ExecutionARN    string `json:"executionArn"`
	StateMachineARN string `json:"stateMachineArn"`
	Name            string `json:"name"`
	Status          string `json:"status"`
	StartDate       epoch  `json:"startDate"`
	StopDate        *epoch `json:"stopDate,omitempty"`
	RedriveCount    int    `json:"redriveCount"`
	RedriveDate     *epoch `json:"redriveDate,omitempty"`
}

func (x *execution) item(is snapshot) executionItem {
	item := executionItem{
		ExecutionARN: x.arn, StateMachineARN: x.machine.arn, Name: x.name, Status: is.status, StartDate: epoch(x.start),
		RedriveCount: len(is.redrives),
	}
	if is.status != running {
		stop := epoch(is.result.StopTime)
		item.StopDate = &stop
	}
	if n := len(is.redrives); n > 0 {
		at := epoch(is.redrives[n-1])
		item.RedriveDate = &at
	}
	return item
}

func (s *states) describeExecution(_ context.Context, in executionInput) (any, error) {
	x, err := s.execution(in.ExecutionARN)
	if err != nil {
		return nil, err
	}
	is := x.snapshot()
	out := struct {
		executionItem
		Input               string       `json:"input,omitempty"`
		InputDetails        *dataDetails `json:"inputDetails,omitempty"`
		Output              string       `json:"output,omitempty"`
		OutputDetails       *dataDetails `json:"outputDetails,omitempty"`
		TraceHeader         string       `json:"traceHeader,omitempty"`
		Error               string       `json:"error,omitempty"`
		Cause               string       `json:"cause,omitempty"`
		RedriveStatus       string       `json:"redriveStatus"`
		RedriveStatusReason string       `json:"redriveStatusReason,omitempty"`
	}{executionItem: x.item(is), TraceHeader: x.trace, Error: is.result.Error, Cause: is.result.Cause}
	out.RedriveStatus, out.RedriveStatusReason = is.redriveStatus(s.endpoint.clock.Now())
	if in.IncludedData != metadataOnly {
		out.Input, out.InputDetails = x.input, &dataDetails{true}
		if is.status == asl.Succeeded {
			out.Output, out.OutputDetails = string(is.result.Output), &dataDetails{true}
		}
	}
	return out, nil
}

type historyInput struct {
	ExecutionARN         string `json:"executionArn"`
	MaxResults           int    `json:"maxResults"`
	ReverseOrder         bool   `json:"reverseOrder"`
	NextToken            string `json:"nextToken"`
	IncludeExecutionData *bool  `json:"includeExecutionData"`
}

func (s *states) getExecutionHistory(_ context.Context, in historyInput) (any, error) {
	x, err := s.execution(in.ExecutionARN)
	if err != nil {
		return nil, err
	}
	size := pageSize(in.MaxResults)
	scope := fmt.Sprintf("history %s %t", x.arn, in.ReverseOrder)
	from, err := readToken(in.NextToken, scope)
	if err != nil {
		return nil, err
	}
	events, next := x.history(int64(from), size, in.ReverseOrder)
	if in.IncludeExecutionData != nil && !*in.IncludeExecutionData {
		for i := range events {
			events[i] = events[i].WithoutData()
		}
	}
	if events == nil {
		events = []asl.Event{}
	}
	return struct {
		Events    []asl.Event `json:"events"`
		NextToken string      `json:"nextToken,omitempty"`
	}{events, writeToken(int(next), scope)}, nil
}

type listExecutionsInput struct {
	StateMachineARN string `json:"stateMachineArn"`
	StatusFilter    string `json:"statusFilter"`
	RedriveFilter   string `json:"redriveFilter"`
	MapRunARN       string `json:"mapRunArn"`
	MaxResults      int    `json:"maxResults"`
	NextToken       string `json:"nextToken"`
}

func (s *states) listExecutions(_ context.Context, in listExecutionsInput) (any, error) {
	if in.MapRunARN != "" {
		return nil, &ServiceError{Code: "ResourceNotFound", Message: fmt.Sprintf("Resource not found: '%s'", in.MapRunARN)}
	}
	m, err := s.stateMachine(in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	size := pageSize(in.MaxResults)
	scope := fmt.Sprintf("executions %s %s %s", m.arn, in.StatusFilter, in.RedriveFilter)
	from, err := readToken(in.NextToken, scope)
	if err != nil {
		return nil, err
	}
	items := []executionItem{}
	next := 0
	m.mu.Lock()
	defer m.mu.Unlock()
	// Newest first. A token is the number of the execution that the page begins with, plus one.
	number := m.first + len(m.started) - 1
	if from > 0 {
		number = min(number, from-1)
	}
	for ; number >= m.first; number-- {
		x := m.started[number-m.first]
		if x == nil {
			continue
		}
		is := x.snapshot()
		if in.StatusFilter != "" && in.StatusFilter != is.status || in.RedriveFilter != "" &&
			(in.RedriveFilter == "REDRIVEN") != (len(is.redrives) > 0) {
			continue
		}
		if len(items) == size {
			next = number + 1
			break
		}
		items = append(items, x.item(is))
	}
	return struct {
		Executions []executionItem `json:"executions"`
		NextToken  string          `json:"nextToken,omitempty"`
	}{items, writeToken(next, scope)}, nil
}

type stopExecutionInput struct {
	ExecutionARN string `json:"executionArn"`
	Error        string `json:"error"`
	Cause        string `json:"cause"`
}

func (s *states) stopExecution(_ context.Context, in stopExecutionInput) (any, error) {
	x, err := s.execution(in.ExecutionARN)
	if err != nil {
		return nil, err
	}
	return struct {
		StopDate epoch `json:"stopDate"`
	}{epoch(x.stop(in.Error, in.Cause))}, nil
}

type redriveExecutionInput struct {
	ExecutionARN string  `json:"executionArn"`
	ClientToken  *string `json:"clientToken"`
}

func (s *states) redriveExecution(_ context.Context, in redriveExecutionInput) (any, error) {
	var token string
	if in.ClientToken != nil {
		token = *in.ClientToken
	}
	x, err := s.execution(in.ExecutionARN)
	if err != nil {
		return nil, err
	}
	at, err := s.redrive(x, token)
	if err != nil {
		return nil, err
	}
	return struct {
		RedriveDate epoch `json:"redriveDate"`
	}{epoch(at)}, nil
}

type stateMachineInput struct {
	StateMachineARN string `json:"stateMachineArn"`
	IncludedData    string `json:"includedData"`
}

// stateMachineItem is what ListStateMachines and DescribeStateMachine have in common.
type stateMachineItem struct {
	StateMachineARN string `json:"stateMachineArn"`
	Name            string `json:"name"`
	Type            string `json:"type"`
	CreationDate    epoch  `json:"creationDate"`
}

func (m *stateMachine) item() stateMachineItem {
	return stateMachineItem{m.arn, m.name, "STANDARD", epoch(m.created)}
}

func (s *states) describeStateMachine(_ context.Context, in stateMachineInput) (any, error) {
	m, err := s.stateMachine(in.StateMachineARN)
	if err != nil {
		return nil, err
	}
	type logging struct {
		Level                string `json:"level"`
		IncludeExecutionData bool   `json:"includeExecutionData"`
	}
	type tracing struct {
		Enabled bool `json:"enabled"`
	}
	definition := m.definition
	if in.IncludedData == metadataOnly {
		definition = ""
	}
	return struct {
		stateMachineItem
		Status               string  `json:"status"`
		Definition           string  `json:"definition,omitempty"`
		RoleARN              string  `json:"roleArn"`
		LoggingConfiguration logging `json:"loggingConfiguration"`
		TracingConfiguration tracing `json:"tracingConfiguration"`
	}{m.item(), "ACTIVE", definition, m.roleARN, logging{Level: "OFF"}, tracing{}}, nil
}

type listStateMachinesInput struct {
	MaxResults int    `json:"maxResults"`
	NextToken  string `json:"nextToken"`
}

func (s *states) listStateMachines(_ context.Context, in listStateMachinesInput) (any, error) {
	size := pageSize(in.MaxResults)
	const scope = "stateMachines"
	from, err := readToken(in.NextToken, scope)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	names := slices.Sorted(maps.Keys(s.machines))
	items := []stateMachineItem{}
	for _, name := range names[min(from, len(names)):min(from+size, len(names))] {
		items = append(items, s.machines[name].item())
	}
	s.mu.RUnlock()
	next := 0
	if from+size < len(names) {
		next = from + size
	}
	return struct {
		StateMachines []stateMachineItem `json:"stateMachines"`
		NextToken     string             `json:"nextToken,omitempty"`
	}{items, writeToken(next, scope)}, nil
}

// pageSize is maxResults, where 0 means the default.
func pageSize(maxResults int) int {
	if maxResults == 0 {
		return defaultPageSize
	}
	return maxResults
}
