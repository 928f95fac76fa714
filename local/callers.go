package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"sms-api/internal/deployment"
	"sms-api/internal/intake"
	"sms-api/internal/untrusted"
)

// caller says who calls the local API: always the one whom the flags name, or nobody if they name none.
func caller(id, scopes string) (func(*http.Request) (intake.Caller, error), error) {
	c := intake.Caller{ID: id}
	for _, scope := range strings.FieldsFunc(scopes, func(r rune) bool { return r == ' ' || r == ',' }) {
		if !slices.Contains(intake.Scopes(), scope) {
			return nil, fmt.Errorf("-scopes: there is no scope %q, only %s", scope, strings.Join(intake.Scopes(), ", "))
		}
		c.Scopes = append(c.Scopes, scope)
	}
	return func(*http.Request) (intake.Caller, error) {
		if c.ID == "" {
			return intake.Caller{}, errors.New("-caller names nobody")
		}
		return c, nil
	}, nil
}

// readOrigins takes the setting api:corsOrigins out of a stack's file. The default file may be missing.
func readOrigins(file string) ([]string, error) {
	var config struct {
		Origins []string `yaml:"api:corsOrigins"`
	}
	if err := readStack(file, "origins", &config); err != nil {
		return nil, err
	}
	for _, origin := range config.Origins {
		if err := deployment.CheckOrigin(origin); err != nil {
			return nil, fmt.Errorf("%s: api:corsOrigins: %w", file, err)
		}
	}
	return config.Origins, nil
}

// readPolicy takes the settings templates:CODE out of a stack's file. The default file may be missing. Callers have no roles of
// IAM here, and -scopes says what they may do.
func readPolicy(file string) (untrusted.Policy, error) {
	const what, space = "templates", "templates:"
	var config map[string]any
	if err := readStack(file, what, &config); err != nil {
		return untrusted.Policy{}, err
	}
	p := untrusted.Policy{Templates: map[string]untrusted.Rules{}}
	for key, value := range config {
		code, ok := strings.CutPrefix(key, space)
		if !ok {
			continue
		}
		var rules untrusted.Rules
		if err := strictly(value, &rules); err != nil {
			return untrusted.Policy{}, fmt.Errorf("read %s of %s: %w", key, file, err)
		}
		p.Templates[code] = rules
	}
	return p, errors.Join(p.Check()...)
}

// crossOrigin answers browsers for the API, as API Gateway does: it answers preflights itself, and says nothing to origins
// that are not listed. Without origins it is not there.
//
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
func crossOrigin(origins []string, api http.Handler) http.Handler {
	if len(origins) == 0 {
		return api
	}
	rules := deployment.CrossOrigin()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin, header := r.Header.Get("Origin"), w.Header()
		header.Add("Vary", "Origin")
		allowed := slices.Contains(origins, origin)
		if allowed {
			header.Set("Access-Control-Allow-Origin", origin)
		}
		if r.Method == http.MethodOptions && origin != "" && r.Header.Get("Access-Control-Request-Method") != "" {
			if allowed {
				header.Set("Access-Control-Allow-Methods", strings.Join(rules.Methods, ","))
				header.Set("Access-Control-Allow-Headers", strings.Join(rules.Headers, ","))
				header.Set("Access-Control-Max-Age", strconv.Itoa(int(rules.MaxAge.Seconds())))
			}
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if allowed {
			header.Set("Access-Control-Expose-Headers", strings.Join(rules.Exposed, ","))
		}
		api.ServeHTTP(w, r)
	})
}
