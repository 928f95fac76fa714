package message_test

import (
	"regexp"
	"strings"
	"testing"

	"sms-api/internal/message"
)

func TestParseRecipientPhone(t *testing.T) {
	t.Parallel()
	const (
		notKorean = "is not a Korean telephone number: it "
		begins    = notKorean + "begins as none does"
		mobile    = ", and a mobile number that begins with 010 has 11"
		business  = "is a business number, which cannot receive messages"
		premium   = "is a premium-rate number, which messages are never sent to or from"
		abroad    = "has a country code other than 82; only Korean numbers can be reached"
	)
	for _, c := range []struct{ written, want, wrong string }{
		{written: "01012345678", want: "01012345678"},
		{written: "010-1234-5678", want: "01012345678"},
		{written: "010 1234 5678", want: "01012345678"},
		{written: "010.1234.5678", want: "01012345678"},
		{written: "(010) 1234-5678", want: "01012345678"},
		{written: "+82 10-1234-5678", want: "01012345678"},
		{written: "+82-010-1234-5678", want: "01012345678"},
		{written: "+82 (0)10-1234-5678", want: "01012345678"},
		{written: "821012345678", want: "01012345678"},
		{written: "\u202a010-1234-5678\u202c", want: "01012345678"},
		{written: "\u200e+82\u00a010\u20101234\u20105678\ufeff", want: "01012345678"},
		{written: "０１０−１２３４−５６７８", want: "01012345678"},
		{written: "＋８２（０）１０　1234　5678", want: "01012345678"},
		{written: "010–1234—5678\n", want: "01012345678"},
		{written: "010ㅡ1234ー5678", want: "01012345678"},
		{written: "010·1234．5678", want: "01012345678"},
		{written: "0082 10 1234 5678", want: "01012345678"},
		{written: "0082-(0)10-1234-5678", want: "01012345678"},
		{written: "011-123-4567", want: "0111234567"},
		{written: "016-1234-5678", want: "01612345678"},
		{written: "02-123-4567", want: "021234567"},
		{written: "02-1234-5678", want: "0212345678"},
		{written: "031-123-4567", want: "0311234567"},
		{written: "064-1234-5678", want: "06412345678"},
		{written: "070-1234-5678", want: "07012345678"},
		{written: "0505-123-4567", want: "05051234567"},
		{written: "0504-1234-5678", want: "050412345678"},

		{written: "1588-0000", wrong: business},
		{written: "+82 1588-0000", wrong: begins},
		{written: "080-123-4567", wrong: business},
		{written: "060-700-1234", wrong: premium},
		{written: "+82 60-700-1234", wrong: premium},
		{written: "060", wrong: premium},
		{written: "+1 415 555 2671", wrong: abroad},
		{written: "+81 90-1234-5678", wrong: abroad},
		{written: "010-123-4567", wrong: notKorean + "has 10 digits" + mobile},
		{written: "010-1234-56789", wrong: notKorean + "has 12 digits" + mobile},
		{written: "012-1234-5678", wrong: begins},
		{written: "1012345678", wrong: notKorean + "lacks the 0 that it begins with, which a table of numbers may have dropped"},
		{written: "015-1234-5678", wrong: begins},
		{written: "02-012-3456", wrong: notKorean + "goes on after its area code as none does"},
		{written: "039-123-4567", wrong: begins},
		{written: "0501-123-4567", wrong: begins},
		{written: "112", wrong: begins},
		{written: "00700-82-10-1234-5678", wrong: begins},
		{written: "011-12-345", wrong: notKorean + "has 8 digits, and a mobile number that does not begin with 010 has 10 or 11"},
		{written: "010-1234-٥678", wrong: notKorean + "has an Arabic digit at character 10"},
		{written: "010-1234+5678", wrong: notKorean + "has a symbol at character 9"},
		{written: "홍길동 010-1234-5678", wrong: notKorean + "has a Hangul letter at character 1"},
		{written: "010/1234/5678", wrong: notKorean + "has a punctuation mark at character 4"},
		{written: "++821012345678", wrong: notKorean + "has a symbol at character 2"},
		{written: "phone", wrong: notKorean + "has a Latin letter at character 1"},
		{written: "", wrong: notKorean + "has no digits"},
	} {
		got, wrong := message.ParseRecipientPhone(c.written)
		if string(got) != c.want || wrong != c.wrong {
			t.Errorf("%q: got %q, %q; want %q, %q", c.written, string(got), wrong, c.want, c.wrong)
		}
	}
}

func TestParseSenderPhone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		written, want string
	}{
		{"02-1234-5678", "0212345678"},
		{"010-1234-5678", "01012345678"},
		{"1588-0000", "15880000"},
		{"1661.1234", "16611234"},
		{"1899-0000", "18990000"},
		{"080-123-4567", "0801234567"},
		{"0505-123-4567", "05051234567"},
		{"070-1234-5678", "07012345678"},
		{"060-700-1234", ""},
		{"1288-0000", ""},
		{"1588-00000", ""},
		{"112", ""},
	} {
		got, wrong := message.ParseSenderPhone(c.written)
		if string(got) != c.want || (wrong == "") != (c.want != "") {
			t.Errorf("%q: got %q, %q; want %q", c.written, string(got), wrong, c.want)
		}
	}
}

func TestMobile(t *testing.T) {
	t.Parallel()
	for phone, want := range map[message.Phone]bool{
		"01012345678": true, "0111234567": true, "0212345678": false, "050412345678": false, "07012345678": false, "": false,
	} {
		if phone.Mobile() != want {
			t.Errorf("%s: got %v", string(phone), !want)
		}
	}
}

func FuzzParsePhone(f *testing.F) {
	for _, s := range []string{"010-1234-5678", "+82 (0)10 1234 5678", "1588-0000", "060-700-1234", "８２10", "+", "82"} {
		f.Add(s)
	}
	digits := regexp.MustCompile(`^[01][0-9]{7,11}$`)
	f.Fuzz(func(t *testing.T, s string) {
		sender, wrongSender := message.ParseSenderPhone(s)
		recipient, wrongRecipient := message.ParseRecipientPhone(s)
		for _, r := range []struct {
			phone message.Phone
			wrong string
			again func(string) (message.Phone, string)
		}{{sender, wrongSender, message.ParseSenderPhone}, {recipient, wrongRecipient, message.ParseRecipientPhone}} {
			switch {
			case (r.phone == "") == (r.wrong == ""):
				t.Fatalf("%q: both or neither of %q and %q", s, string(r.phone), r.wrong)
			case r.wrong != "":
				continue
			case !digits.MatchString(string(r.phone)) || strings.HasPrefix(string(r.phone), "060"):
				t.Fatalf("%q was read as %q", s, string(r.phone))
			}
			if again, wrong := r.again(string(r.phone)); again != r.phone || wrong != "" {
				t.Fatalf("%q was read as %q, and that as %q, %q", s, string(r.phone), string(again), wrong)
			}
		}
		if recipient != "" && recipient != sender {
			t.Fatalf("%q: recipient %q, sender %q", s, string(recipient), string(sender))
		}
	})
}
