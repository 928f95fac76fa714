package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sms-api/internal/apigateway"
	"sms-api/internal/deployment"
	"sms-api/internal/function"
)

func TestSetUp(t *testing.T) {
	for name, value := range deployment.Defaults() {
		t.Setenv(name, value)
	}
	for name, value := range map[string]string{
		"AWS_REGION": "ap-northeast-2", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"LOG_LEVEL": "info", "PARAMETER_PREFIX": "/sms-api/dev/aligo", "EGRESS_IPS": "", "STATE_MACHINE_ARN": "arn",
		"GUARD_TABLE": "guards", "EVENT_BUS_NAME": "bus", "CAMPAIGN_BUCKET": "bucket", "CAMPAIGN_MACHINE_ARN": "arn",
		"UNTRUSTED_MAX_SCHEDULE": "", "RECORDS_RETENTION_DAYS": "90",
		"ADS_SENDER_NAME": "", "ADS_CONTACT": "", "ADS_REFUSAL": "", "ADS_UNTIL": "20:50",
	} {
		t.Setenv(name, value)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "untrusted.json"), []byte(`{"frontendRoles":["web"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LAMBDA_TASK_ROOT", folder)
	for value, want := range map[string]int{"": 1, "1": 1, "20": 20} {
		t.Setenv("UNTRUSTED_MAX_RECIPIENTS", value)
		e := function.FromEnvironment("api")
		api := e.API(apigateway.Identify)
		if err := e.Err(); err != nil || api.UntrustedMaxRecipients != want || api.UntrustedMaxSchedule != 24*time.Hour ||
			len(api.Policy.FrontendRoles) != 1 {
			t.Errorf("%q: %+v, %v", value, api, err)
		}
	}
	for _, value := range []string{"0", "-1", "many"} {
		t.Setenv("UNTRUSTED_MAX_RECIPIENTS", value)
		e := function.FromEnvironment("api")
		e.API(apigateway.Identify)
		if err := e.Err(); err == nil || !strings.Contains(err.Error(), "UNTRUSTED_MAX_RECIPIENTS") {
			t.Errorf("%q: %v", value, err)
		}
	}
	t.Setenv("AWS_REGION", "")
	if e := function.FromEnvironment("api"); e.Err() == nil {
		t.Error("no environment, no error")
	}
}
