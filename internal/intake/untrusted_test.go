package intake_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"sms-api/internal/intake"
	rules "sms-api/internal/untrusted"
)

// A stolen token cannot lead a customer anywhere: into no address, and out of none of the template's. Services may.
func TestWhatAStolenTokenCannotSay(t *testing.T) {
	t.Parallel()
	body := func(template, name, variables string) string {
		return `{"template":"` + template + `","recipients":[{"to":"010-1234-5678","name":"` + name + `","variables":{` + variables + `}}]}`
	}
	const name, number, parcel = "/recipients/0/name ", "/recipients/0/variables/주문번호 ", "/recipients/0/variables/송장번호 "
	for about, c := range map[string]struct {
		body string
		// wrong is what the frontend is told; nothing if it may.
		wrong []string
	}{
		"an ordinary order": {body: body("TX_1234", "홍길동(주)", `"주문번호":"2026.11.26 A-17"`)},
		"an address on another line": {body("TX_1234", "김", `"주문번호":"A-1\nhttps://evil.example/pay"`),
			[]string{number + "is more than one line"}},
		"an address in a name": {body("TX_1234", "결제 evil.com", `"주문번호":"1"`), []string{name + "has an address in it"}},
		"an address in 고객명": {body("TX_1234", "", `"고객명":"www.evil","주문번호":"1"`),
			[]string{"/recipients/0/variables/고객명 has an address in it"}},
		"both": {body("TX_1234", "evil.com", `"주문번호":"http:／／evil"`),
			[]string{name + "has an address in it", number + "has an address in it"}},
		"too long": {body("TX_1234", "김", `"주문번호":"`+strings.Repeat("1", 101)+`"`),
			[]string{number + "has 101 characters; at most 100 are allowed"}},
		"a variable nobody reads":     {body: body("TX_1234", "김", `"주문번호":"1","메모":"evil.com"`)},
		"a segment that would be two": {body: body("TX_2345", "김", `"송장번호":"../../redirect?to="`)},
		"up": {body("TX_2345", "김", `"송장번호":".."`),
			[]string{"/recipients/0/variables do not fit the template: a value that is . or .. leads out of an address of the template"}},
		"a link of its own": {body("TX_6789", "김", `"주소":"https://evil.example","번호":"1"`),
			[]string{"/recipients/0/variables/주소 has an address in it"}},
		"a host of its own": {body("TX_6789", "김", `"주소":"evil","번호":"1"`), []string{
			"/recipients/0/variables/주소 says where an address of the template leads; this caller may not give it",
		}},
		"with other mistakes": {strings.Replace(body("TX_1234", "김", `"주문번호":"evil.com"`), "{", `{"colour":1,`, 1),
			[]string{" has a member that is not known; there are channel, template, text, title, fallback, sendAt, expiresAt, purpose, " +
				"nightConsent, reference, recipients",
				number + "has an address in it"}},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			text := strings.Replace(c.body, `"name":"",`, "", 1)
			for _, path := range []string{"/v1/messages", "/v1/previews"} {
				got := s.do(t, http.MethodPost, path, untrusted, text)
				if fine := got.StatusCode < http.StatusBadRequest; fine != (c.wrong == nil) || !fine && !slices.Equal(got.pointers(t), c.wrong) {
					t.Errorf("%s: %d %s, want %q", path, got.StatusCode, got.body, c.wrong)
				}
				if strings.Contains(string(got.body)+s.log.String(), "evil") {
					t.Errorf("a value is told: %s %s", got.body, s.log)
				}
			}
			if n := s.store.count(); (n == 0) != (c.wrong != nil) {
				t.Errorf("%d messages", n)
			}
			for _, m := range s.store.messages {
				if !m.Untrusted {
					t.Error("the message does not say that its caller is not trusted")
				}
			}
		})
	}
	s := newSystem(t)
	id := s.do(t, http.MethodPost, "/v1/messages", service, body("TX_1234", "김", `"주문번호":"A-1\nhttps://shop.example"`)).id(t)
	if s.store.messages[id].Untrusted {
		t.Error("a service is not trusted")
	}
	preview := s.do(t, http.MethodPost, "/v1/previews", untrusted, body("TX_2345", "김", `"송장번호":"../../redirect?to="`))
	if !strings.Contains(string(preview.body), "https://shop.example/parcels/..%2F..%2Fredirect%3Fto%3D") {
		t.Errorf("the preview is %s", preview.body)
	}
}

// Without the template nobody knows which values it reads, so that all of them are checked. Their names are the caller's own.
func TestAStolenTokenWhileTheTemplateIsNotAtHand(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.vendor.err = errors.New("no route to host")
	got := s.do(t, http.MethodPost, "/v1/messages", untrusted, `{"template":"TX_1234","recipients":[{"to":"010-1234-5678",`+
		`"name":"evil.com","variables":{"evilname":"evil.com","evil2":"https://evil","주문번호":"A-1"}}]}`)
	want := []string{"/recipients/0/variables have one that has an address in it", "/recipients/0/name has an address in it"}
	if !slices.Equal(got.pointers(t), want) || strings.Contains(string(got.body), "evil") {
		t.Errorf("got %s", got.body)
	}
	if got := s.do(t, http.MethodPost, "/v1/messages", untrusted, order); got.StatusCode != http.StatusAccepted {
		t.Errorf("got %s", got.body)
	}
}

// A stack says of its templates what their variables may be.
func TestTheStackSaysWhatAVariableMayBe(t *testing.T) {
	t.Parallel()
	policy, err := rules.ReadFile([]byte(`{"templates":{"TX_6789":{"주소":{"pattern":"https://shop\\.example/[a-z]+","address":true},` +
		`"번호":{"maxLength":3}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	s := newSystem(t)
	s.serve(&intake.API{Policy: policy})
	for address, want := range map[string]string{
		`https://shop.example/a","번호":"123`:  "",
		`https://evil.example/a","번호":"123`:  "/recipients/0/variables/주소 does not match the pattern that the stack has for it",
		`https://shop.example/a","번호":"1234`: "/recipients/0/variables/번호 has 4 characters; at most 3 are allowed",
	} {
		got := s.do(t, http.MethodPost, "/v1/messages", untrusted, `{"template":"TX_6789","recipients":[{"to":"010-1234-5678",`+
			`"variables":{"주소":"`+address+`"}}]}`)
		if fine := got.StatusCode == http.StatusAccepted; fine != (want == "") || !fine && !slices.Equal(got.pointers(t), []string{want}) {
			t.Errorf("%s: %d %s, want %q", address, got.StatusCode, got.body, want)
		}
		// So it is while the template is not at hand.
		away := newSystem(t)
		away.vendor.err = errors.New("no route to host")
		away.serve(&intake.API{Policy: policy})
		again := away.do(t, http.MethodPost, "/v1/messages", untrusted, `{"template":"TX_6789","recipients":[{"to":"010-1234-5678",`+
			`"variables":{"주소":"`+address+`"}}]}`)
		if again.StatusCode != got.StatusCode || want != "" && !slices.Equal(again.pointers(t), []string{want}) {
			t.Errorf("%s, without the template: %d %s, want %q", address, again.StatusCode, again.body, want)
		}
	}
}

// What is scheduled outlives the token that asked for it.
func TestAStolenTokenSchedulesADayAhead(t *testing.T) {
	t.Parallel()
	for sendAt, status := range map[string]int{
		"2026-12-02T00:00:00Z": http.StatusAccepted, "2026-12-02T00:00:01Z": http.StatusUnprocessableEntity,
	} {
		got := newSystem(t).do(t, http.MethodPost, "/v1/messages", untrusted, strings.Replace(order, "{", `{"sendAt":"`+sendAt+`",`, 1))
		if got.StatusCode != status {
			t.Errorf("%s: %d %s, want %d", sendAt, got.StatusCode, got.body, status)
		}
	}
}
