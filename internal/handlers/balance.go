package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"sms-api/internal/aligo"
	"sms-api/internal/deadline"
)

// wallet is what Balance calls of *aligo.Client.
type wallet interface {
	Remain(ctx context.Context) (aligo.Balance, error)
	HeartInfo(ctx context.Context) (aligo.Balance, error)
}

// Balance asks Aligo how many messages the wallet still pays for. Because Aligo refuses every call from an address that
// is not registered, this is also the check of the whole way out: network, address, credentials.
type Balance struct {
	*Dispatch

	Wallet wallet
	// Stack is the dimension of the metrics.
	Stack string
	// Metrics takes CloudWatch's embedded metric format, one JSON object a line; in Lambda it is standard output.
	Metrics io.Writer
}

// Report is the answer of the balance function.
type Report struct {
	// Reachable says that Aligo's servers answered at all.
	Reachable bool `json:"reachable"`
	// Registered says that Aligo accepts the address that the call came from; false also while nobody knows.
	Registered bool `json:"registered"`
	// Credentials says that Aligo accepts user id and API key; false also while it does not accept the address, and while nobody knows.
	Credentials bool `json:"credentials"`
	// Problem says what to do, with the address to register if that is it; empty when all is well.
	Problem string `json:"problem,omitempty"`
	// SMS, LMS and AlimTalk are how many of each the wallet pays for. It is the same money.
	SMS      int  `json:"sms"`
	LMS      int  `json:"lms"`
	AlimTalk *int `json:"alimtalk,omitempty"`
}

// Handle makes the check. Whatever is wrong is in the report; an error means that the metrics could not be written.
func (b *Balance) Handle(ctx context.Context) (Report, error) {
	ctx, cancel := deadline.Before(ctx, reserve)
	defer cancel()
	balance, err := b.Wallet.Remain(ctx)
	if err != nil {
		return b.trouble(ctx, err), nil
	}
	r := Report{Reachable: true, Registered: true, Credentials: true, SMS: balance.SMS, LMS: balance.LMS}
	// AlimTalk is only told by the other host, which has its own list of addresses to disagree about.
	kakao, err := b.Wallet.HeartInfo(ctx)
	switch {
	case err != nil:
		r.Problem = "KakaoTalk: " + b.trouble(ctx, err).Problem
	case kakao.AlimTalkKnown:
		r.AlimTalk = &kakao.AlimTalk
	}
	return r, b.publish(r)
}

// trouble reports an error of the vendor and logs it the way alarms count.
func (b *Balance) trouble(ctx context.Context, err error) Report {
	var r Report
	if e := (*aligo.Error)(nil); errors.As(err, &e) {
		r.Reachable = e.Status != 0
		r.Registered = e.Class == aligo.ClassNotConfigured && e.Cause != aligo.CauseIP
		r.Credentials = r.Registered && e.Cause != aligo.CauseCredentials
	}
	err = b.fault(err, true)
	b.warn(ctx, "read the balance", err)
	r.Problem = words(err)
	return r
}

// publish writes the counts as metrics.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func (b *Balance) publish(r Report) error {
	type metric struct{ Name, Unit string }
	metrics := []metric{{"SmsRemaining", "Count"}, {"LmsRemaining", "Count"}}
	line := map[string]any{"Stack": b.Stack, "SmsRemaining": r.SMS, "LmsRemaining": r.LMS}
	if r.AlimTalk != nil {
		metrics = append(metrics, metric{"AlimTalkRemaining", "Count"})
		line["AlimTalkRemaining"] = *r.AlimTalk
	}
	line["_aws"] = map[string]any{
		"Timestamp": b.Now().UnixMilli(),
		"CloudWatchMetrics": []map[string]any{{
			"Namespace": "sms-api", "Dimensions": [][]string{{"Stack"}}, "Metrics": metrics,
		}},
	}
	encoded, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("publish the balance: %w", err)
	}
	if _, err := b.Metrics.Write(append(encoded, '\n')); err != nil {
		return fmt.Errorf("publish the balance: %w", err)
	}
	return nil
}
