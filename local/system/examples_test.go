package system

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/intake/contract"
)

// exampleID and exampleTime are whose and from when the OpenAPI document's examples are.
const exampleID = "01938f2e-5c3a-7b1e-8d2f-4a6b9c0d1e2f"

var exampleTime = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// order is the request of the examples, for numbers that end in the given digits.
func order(options string, endings ...string) string {
	recipients := ""
	for n, e := range endings {
		if n > 0 {
			recipients += ","
		}
		recipients += fmt.Sprintf(`{"to":"0101234%s","name":"홍길동","variables":{"주문번호":"A-%d"},"reference":"member-%d"}`, e, n+17, n+1)
	}
	return fmt.Sprintf(`{"template":"TX_1234","reference":"order-17",%s"recipients":[%s]}`, options, recipients)
}

// TestExamplesOfTheDocument brings about every outcome that the OpenAPI document has as an example.
func TestExamplesOfTheDocument(t *testing.T) {
	t.Parallel()
	empty := aligotest.Fault{Endpoint: send, Kind: aligotest.FaultNoBalance, Times: -1}
	later := `"sendAt":"2000-01-01T09:00:00Z",`
	ways := map[string]func(w *world) (id string){
		"scheduled": func(w *world) string { return w.post(order(later, "5678")) },
		"sending": func(w *world) string {
			id := w.post(order("", "5678"))
			time.Sleep(2 * time.Second)
			return id
		},
		"parked": func(w *world) string {
			w.fault(empty)
			id := w.post(order("", "5678"))
			time.Sleep(2 * time.Second)
			return id
		},
		"delivered": func(w *world) string { return w.through(order("", "5678", "0001")) },
		"partial":   func(w *world) string { return w.through(order("", "5678", "0008")) },
		"failed":    func(w *world) string { return w.through(order("", "0004")) },
		"expired": func(w *world) string {
			w.fault(empty)
			return w.through(order(`"expiresAt":"2000-01-01T01:00:00Z",`, "5678"))
		},
		"cancelled": func(w *world) string {
			id := w.post(order(later, "5678"))
			time.Sleep(3 * time.Minute)
			if status, body := w.cancel(id); status != http.StatusOK {
				w.t.Errorf("cancel: %d %s", status, body)
			}
			w.settle(id)
			return id
		},
	}
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(contract.OpenAPI()), &document); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"get", "delete"} {
		var operation struct {
			Responses map[string]struct {
				Content map[string]struct {
					Examples map[string]struct{ Value any }
				}
			}
		}
		if err := json.Unmarshal(document.Paths["/v1/messages/{id}"][method], &operation); err != nil {
			t.Fatal(err)
		}
		for name, example := range operation.Responses["200"].Content["application/json"].Examples {
			bring := ways[name]
			if bring == nil {
				t.Errorf("%s: nobody knows how %q comes about", method, name)
				continue
			}
			t.Run(method+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					id := bring(w)
					_, body := w.do(http.MethodGet, "/v1/messages/"+id, "")
					if got := asExample(t, body); !reflect.DeepEqual(got, example.Value) {
						b, _ := json.Marshal(got)
						t.Errorf("it is\n%s", b)
					}
				})
			})
		}
	}
}

// through sends a message and returns its id when it has settled.
func (w *world) through(request string) string {
	w.t.Helper()
	id := w.post(request)
	w.settle(id)
	return id
}

// asExample is an outcome with the id and the times of the examples.
func asExample(t *testing.T, outcome []byte) any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(outcome, &o); err != nil {
		t.Fatal(err)
	}
	created, err := time.Parse(time.RFC3339, o["createdAt"].(string))
	if err != nil {
		t.Fatal(err)
	}
	o["id"] = exampleID
	var shift func(v any) any
	shift = func(v any) any {
		switch v := v.(type) {
		case string:
			if at, err := time.Parse(time.RFC3339, v); err == nil {
				return exampleTime.Add(at.Sub(created)).Format(time.RFC3339)
			}
		case []any:
			for i := range v {
				v[i] = shift(v[i])
			}
		case map[string]any:
			for name := range v {
				v[name] = shift(v[name])
			}
		}
		return v
	}
	return shift(o)
}
