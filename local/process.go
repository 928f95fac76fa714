package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"

	"sms-api/awslocal/awsapi"
	"sms-api/awslocal/runtimeapi"
	"sms-api/internal/compile"
	"sms-api/internal/deployment"
	"sms-api/internal/route"
	"sms-api/internal/untrusted"
)

// processes runs the functions as they are deployed: each a program that asks the Lambda Runtime API for work. What they
// log goes to out.
type processes struct {
	ctx    context.Context
	folder string
	env    []string
	level  slog.Level
	out    io.Writer
}

// environments is how many processes of one function run at the same time.
const environments = 10

// build compiles the functions into a folder that close removes, and puts their files there.
func build(
	ctx context.Context, routes []route.Route, policy untrusted.Policy, awsURL, aligoURL string, level slog.Level, out io.Writer,
) (*processes, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return nil, fmt.Errorf("-process compiles the functions, so it runs in the module's folder: %w", err)
	}
	folder, err := os.MkdirTemp("", "sms-api-functions-")
	if err != nil {
		return nil, fmt.Errorf("-process: %w", err)
	}
	p := &processes{ctx: ctx, folder: folder, level: level, out: out, env: []string{
		"AWS_REGION=" + awsapi.Region, "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local", "AWS_ENDPOINT_URL=" + awsURL,
		deployment.AligoSMSURL + "=" + aligoURL, deployment.AligoKakaoURL + "=" + aligoURL,
	}}
	if err := compile.Build(ctx, strings.TrimSpace(string(root)), folder, compile.Target{}, "./lambdas/..."); err != nil {
		return nil, errors.Join(err, p.close())
	}
	files, err := deployment.Files(routes, policy)
	for name, content := range files {
		err = errors.Join(err, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("-process: %w", err), p.close())
	}
	return p, nil
}

// environment is that of a function's processes. The last of two values counts: what is logged is this program's to say.
func (p *processes) environment(variables map[string]string) []string {
	env := slices.Clone(p.env)
	for name, value := range variables {
		env = append(env, name+"="+value)
	}
	return append(env, deployment.LogLevel+"="+p.level.String())
}

// run is the handler of a function: it hands each invocation to a process.
func (p *processes) run(f deployment.Function, variables map[string]string) lambda.Handler {
	return runtimeapi.NewPool(p.ctx, runtimeapi.Function{
		Name: f.Name, ARN: awsapi.FunctionARN(f.Name), Path: filepath.Join(p.folder, f.Name), Env: p.environment(variables),
		Memory: f.Memory, Timeout: f.Timeout, Log: p.out,
	}, environments)
}

func (p *processes) close() error { return os.RemoveAll(p.folder) }
