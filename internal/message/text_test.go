package message_test

import (
	"errors"
	"slices"
	"testing"

	"sms-api/internal/message"
)

func TestPlaceholders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"no placeholder, # { } and ${x}", nil},
		{"#{고객명}님, #{주문번호} / #{고객명}", []string{"고객명", "주문번호"}},
		{"#{}", nil},
		{"#{a#{b}", []string{"b"}},
		{"#{ a }", []string{" a "}},
	} {
		if got := message.Placeholders(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}

func TestFill(t *testing.T) {
	t.Parallel()
	values := map[string]string{"고객명": "홍길동", "주문번호": "#{고객명}", "빈": ""}
	for text, want := range map[string]string{
		"":                       "",
		"#{고객명}님":                "홍길동님",
		"#{주문번호}":                "#{고객명}",
		"[#{빈}]":                 "[]",
		"#{고객명} #{고객명}":          "홍길동 홍길동",
		"a value is put in once": "a value is put in once",
	} {
		if got, err := message.Fill(text, values); got != want || err != nil {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestFillNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	got, err := message.Fill("#{나}, #{고객명}, #{가}, #{나}", map[string]string{"고객명": "홍길동"})
	var missing *message.MissingError
	if got != "" || !errors.As(err, &missing) || !slices.Equal(missing.Names, []string{"나", "가"}) {
		t.Fatalf("got %q, %v", got, err)
	}
	if want := "no value for #{나}, #{가}"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestNameFillsItsPlaceholderUnlessVariablesDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		recipient message.Recipient
		want      string
		given     bool
	}{
		{message.Recipient{Name: "홍길동"}, "홍길동", true},
		{message.Recipient{Name: "홍길동", Variables: map[string]message.Text{"고객명": "고객"}}, "고객", true},
		{message.Recipient{Name: "홍길동", Variables: map[string]message.Text{"고객명": ""}}, "", true},
		{message.Recipient{}, "", false},
	} {
		got, given := c.recipient.Values()["고객명"]
		if got != c.want || given != c.given {
			t.Errorf("%v: got %q, %v", c.recipient, got, given)
		}
	}
}

func TestStatusOf(t *testing.T) {
	t.Parallel()
	const (
		d = message.Delivered
		f = message.Failed
		u = message.Unknown
	)
	for _, c := range []struct {
		statuses []message.Status
		code     string
		want     message.MessageStatus
	}{
		{[]message.Status{d}, "", message.AllDelivered},
		{[]message.Status{d, d}, "", message.AllDelivered},
		{[]message.Status{d, f}, "", message.PartlyDelivered},
		{[]message.Status{d, u}, "", message.PartlyDelivered},
		{[]message.Status{u}, "", message.PartlyDelivered},
		{[]message.Status{f, u}, "", message.PartlyDelivered},
		{[]message.Status{f, f}, "", message.NoneDelivered},
		{[]message.Status{f, f}, message.CodeExpired, message.MessageExpired},
		{[]message.Status{d, f}, message.CodeExpired, message.PartlyDelivered},
	} {
		results := make([]message.Result, len(c.statuses))
		for i, s := range c.statuses {
			results[i].Status = s
			if s == f {
				results[i].Code = c.code
			}
		}
		if got := message.StatusOf(results); got != c.want {
			t.Errorf("%v %s: got %s, want %s", c.statuses, c.code, got, c.want)
		}
	}
}
