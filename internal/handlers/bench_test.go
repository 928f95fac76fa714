package handlers_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/guard"
	"sms-api/internal/handlers"
	"sms-api/internal/message"
	"sms-api/internal/testkit"
)

// BenchmarkTasks invokes the functions as Lambda does, from payload to result, with the stand-in on loopback behind them.
func BenchmarkTasks(b *testing.B) {
	for _, n := range []int{1, message.MaxRecipients} {
		now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
		server := aligotest.NewServer(b, func(o *aligotest.ServerOptions) {
			o.Now, o.ReceiptDelay, o.Balance, o.Keep = func() time.Time { return now }, -1, 1e12, 1
		})
		client := server.Client()
		d := &handlers.Dispatch{
			Aligo: client, Guards: open{}, Templates: &aligo.TemplateCache{Client: client}, Now: func() time.Time { return now },
			Log: slog.New(slog.DiscardHandler),
		}
		m := message.Message{
			ID: "m", Channel: message.AlimTalk, Template: "TX_1234", ExpiresAt: now.Add(time.Hour), CreatedAt: now,
			Fallback: message.Fallback{Enabled: true, After: message.Duration(5 * time.Minute), OnUnknown: message.LeaveUnknown},
		}
		for i := range n {
			m.Recipients = append(m.Recipients, message.Recipient{
				To: message.Phone(fmt.Sprintf("0101234%04d", 1000+i)), Name: "홍길동", Variables: map[string]message.Text{"주문번호": "A-17"},
			})
		}
		send := payload(b, m, message.Progress{Queue: &message.Queue{Channel: message.AlimTalk}})
		read := payload(b, m, invoke(b, d.SendAlimTalk, send))
		if p := invoke(b, d.Receipts, read); len(p.Recipients) != n || p.Recipients[n-1].Status != message.Delivered {
			b.Fatalf("nothing was delivered: %+v", p)
		}
		// The stand-in remembers only the newest call, so the receipts come first.
		for _, task := range []struct {
			name    string
			handler lambda.Handler
			payload []byte
		}{
			{"Receipts", lambda.NewHandler(d.Receipts), read},
			{"SendAlimTalk", lambda.NewHandler(d.SendAlimTalk), send},
		} {
			b.Run(fmt.Sprintf("%s/recipients=%d", task.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := task.handler.Invoke(b.Context(), task.payload); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func payload(b *testing.B, m message.Message, p message.Progress) []byte {
	b.Helper()
	return []byte(testkit.JSON(b, handlers.Input{Message: m, Progress: p}))
}

func invoke(b *testing.B, task any, payload []byte) message.Progress {
	b.Helper()
	result, err := lambda.NewHandler(task).Invoke(b.Context(), payload)
	if err != nil {
		b.Fatal(err)
	}
	return testkit.Read[message.Progress](b, string(result))
}

// open is a table of sends that lets everybody send.
type open struct{ *guard.Guards }

func (open) Open(context.Context, guard.Opening) (guard.Send, error) {
	return guard.Send{Message: "m"}, nil
}

func (open) Answered(context.Context, guard.Send, string) (bool, error) { return false, nil }
