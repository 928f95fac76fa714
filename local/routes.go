package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"gopkg.in/yaml.v3"

	"sms-api/internal/route"
)

// defaultStack is the stack whose routes are honoured when the flag names none.
const defaultStack = "Pulumi.dev.yaml"

// readRoutes takes the setting events:routes out of a stack's file. The default file may be missing: the program runs
// anywhere.
func readRoutes(file string) ([]route.Route, error) {
	content, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist) && file == defaultStack:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the routes: %w", err)
	}
	var stack struct {
		Config struct {
			Routes []map[string]any `yaml:"events:routes"`
		} `yaml:"config"`
	}
	if err := yaml.Unmarshal(content, &stack); err != nil {
		return nil, fmt.Errorf("read the routes of %s: %w", file, err)
	}
	// The program that deploys reads them as JSON.
	encoded, err := json.Marshal(stack.Config.Routes)
	if err != nil {
		return nil, fmt.Errorf("read the routes of %s: %w", file, err)
	}
	var routes []route.Route
	if err := json.Unmarshal(encoded, &routes); err != nil {
		return nil, fmt.Errorf("read the routes of %s: %w", file, err)
	}
	return routes, nil
}
