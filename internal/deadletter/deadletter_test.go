package deadletter_test

import (
	"encoding/json"
	"strings"
	"testing"

	"sms-api/internal/deadletter"
)

func TestEvent(t *testing.T) {
	t.Parallel()
	const event = `{"version":"0","id":"e-1","detail-type":"MessageRequested","source":"shop.orders","account":"000000000000",` +
		`"time":"2026-12-01T00:00:00Z","region":"ap-northeast-2","resources":[],"detail":{"requestPayload":{"id":"e-2"}}}`
	record := func(payload string) string {
		return `{"version":"1.0","timestamp":"2026-12-01T00:05:00Z","requestContext":{"requestId":"r-1","functionArn":"arn:aws:lambda:…",` +
			`"condition":"RetriesExhausted","approximateInvokeCount":3},"requestPayload":` + payload + `,"responseContext":{"statusCode":200,` +
			`"executedVersion":"$LATEST","functionError":"Unhandled"},"responsePayload":{"errorMessage":"throttled","errorType":"wrapError"}}`
	}
	for name, letter := range map[string]string{
		"as EventBridge delivers and buries it":    event,
		"as Lambda buries it":                      record(event),
		"as Lambda buries it when it failed again": record(record(event)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e deadletter.Event
			if err := json.Unmarshal([]byte(letter), &e); err != nil {
				t.Fatal(err)
			}
			if e.ID != "e-1" || e.Source != "shop.orders" || e.Time.Year() != 2026 || string(e.Detail) != `{"requestPayload":{"id":"e-2"}}` {
				t.Errorf("read %+v", e)
			}
		})
	}
	for name, letter := range map[string]string{
		"no object":             `"010-1234-5678"`,
		"a member of no string": `{"id":{"to":"010-1234-5678"}}`,
		"a record of no event":  record(`"010-1234-5678"`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var e deadletter.Event
			if err := json.Unmarshal([]byte(letter), &e); err == nil || strings.Contains(err.Error(), "5678") {
				t.Errorf("read %+v, %v", e, err)
			}
		})
	}
}
