// Command pulumi is the Pulumi program that deploys the whole system into an AWS account: the network with its fixed
// address, the functions, the state machine, the event bus, the HTTP API, and what watches them.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sms-api/internal/deployment"
)

func main() {
	if err := pulumi.RunErr(run); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run reads the stack's configuration, builds the functions and deploys. The configuration comes from the environment,
// where the SDK has it from too: unlike the SDK's config package this shows keys that nobody asks for.
func run(ctx *pulumi.Context) error {
	var values map[string]string
	var encrypted []string
	for name, into := range map[string]any{pulumi.EnvConfig: &values, pulumi.EnvConfigSecretKeys: &encrypted} {
		if text := os.Getenv(name); text != "" {
			if err := json.Unmarshal([]byte(text), into); err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
		}
	}
	config, err := readConfig(ctx.Project(), ctx.Stack(), values, encrypted)
	if err != nil {
		return fmt.Errorf("the configuration of stack %s is not right:\n%w", ctx.Stack(), err)
	}
	schemas, err := eventSchemas()
	if err != nil {
		return err
	}
	files, err := deployment.Files(config.events.routes, config.untrusted)
	if err != nil {
		return err
	}
	code, err := buildFunctions(ctx.Context(), ctx.RootDirectory(), config.prefix, deployment.Functions(), files)
	if err != nil {
		return err
	}
	return deploy(ctx, deployArgs{config: config, code: code, schemas: schemas})
}
