package main

import (
	"log/slog"
	"strings"
	"testing"
)

func TestSetUp(t *testing.T) {
	t.Setenv("AWS_REGION", "ap-northeast-2")
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	for value, want := range map[string]int{"": 1, "1": 1, "20": 20} {
		t.Setenv("UNTRUSTED_MAX_RECIPIENTS", value)
		api, err := setUp(slog.New(slog.DiscardHandler))
		if err != nil || api.UntrustedMaxRecipients != want {
			t.Errorf("%q: %+v, %v", value, api, err)
		}
	}
	for _, value := range []string{"0", "-1", "many"} {
		t.Setenv("UNTRUSTED_MAX_RECIPIENTS", value)
		if _, err := setUp(slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "UNTRUSTED_MAX_RECIPIENTS") {
			t.Errorf("%q: %v", value, err)
		}
	}
	t.Setenv("AWS_REGION", "")
	if _, err := setUp(slog.New(slog.DiscardHandler)); err == nil {
		t.Error("no environment, no error")
	}
}
