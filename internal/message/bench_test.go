package message_test

import (
	"fmt"
	"testing"

	"sms-api/internal/message"
	"sms-api/internal/testkit"
)

// BenchmarkAccept is what the door does with a body before it looks at the template.
func BenchmarkAccept(b *testing.B) {
	for _, n := range []int{1, message.MaxRecipients} {
		body := []byte(testkit.Request(`"reference":"order-17",`, n))
		b.Run(fmt.Sprintf("recipients=%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				r, err := message.Decode(body)
				if err != nil {
					b.Fatal(err)
				}
				if m, problems := message.Accept(r, acceptance()); len(problems) > 0 || len(m.Recipients) != n {
					b.Fatal(problems)
				}
			}
		})
	}
}

func BenchmarkCP949(b *testing.B) {
	const text = "[마실상점] 주문이 접수되었습니다.\n\n홍길동님, 주문해 주셔서 감사합니다.\n\n■ 주문번호: A-17"
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if message.SMSBytes(text) == 0 || message.Unencodable(text) != nil {
			b.Fatal("the text is not what it was")
		}
	}
}
