// Command client drives the API at the address it is given with the client that is generated beside it, as a program of
// somebody who has nothing but the OpenAPI document.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

func main() {
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address string) error {
	client, err := NewClientWithResponses(address)
	if err != nil {
		return err
	}
	templates, err := client.ListTemplatesWithResponse(ctx, nil)
	if err != nil {
		return err
	}
	if templates.JSON200 == nil || len(templates.JSON200.Templates) == 0 {
		return fmt.Errorf("templates: %s", templates.Status())
	}
	key := "order-17"
	example := templates.JSON200.Templates[0].Example
	tomorrow := time.Now().AddDate(0, 0, 1)
	example.SendAt = &tomorrow
	var request MessageRequest
	if err := request.FromAlimTalkRequest(example); err != nil {
		return err
	}
	sent, err := client.SendMessageWithResponse(ctx, &SendMessageParams{IdempotencyKey: &key}, request)
	if err != nil {
		return err
	}
	if sent.JSON202 == nil || sent.Headers202.Location != "/v1/messages/"+sent.JSON202.Id {
		return fmt.Errorf("send: %s %s", sent.Status(), sent.Body)
	}
	again, err := client.SendMessageWithResponse(ctx, &SendMessageParams{IdempotencyKey: &key}, request)
	if err != nil {
		return err
	}
	if again.JSON200 == nil || again.JSON200.Id != sent.JSON202.Id {
		return fmt.Errorf("send again: %s %s", again.Status(), again.Body)
	}
	message, err := client.GetMessageWithResponse(ctx, sent.JSON202.Id, nil)
	if err != nil {
		return err
	}
	if message.JSON200 == nil || message.JSON200.Status != MessageStatusScheduled || message.JSON200.Recipients[0].To != "010****5678" {
		return fmt.Errorf("get: %s %s", message.Status(), message.Body)
	}
	cancelled, err := client.CancelMessageWithResponse(ctx, sent.JSON202.Id)
	if err != nil {
		return err
	}
	if cancelled.JSON200 == nil || cancelled.JSON200.Status != MessageStatusCancelled {
		return fmt.Errorf("cancel: %s %s", cancelled.Status(), cancelled.Body)
	}
	var nobody MessageRequest
	if err := nobody.FromAlimTalkRequest(AlimTalkRequest{Template: "TX_1234", Recipients: []Recipient{{To: "010"}}}); err != nil {
		return err
	}
	wrong, err := client.SendMessageWithResponse(ctx, nil, nobody)
	if err != nil {
		return err
	}
	problem := wrong.ApplicationproblemJSON422
	if problem == nil || string(problem.Type) != "urn:sms-api:problem:invalid-message" || problem.Errors == nil ||
		(*problem.Errors)[0].Pointer != "/recipients/0/to" {
		return fmt.Errorf("send what is wrong: %s %s", wrong.Status(), wrong.Body)
	}
	balance, err := client.GetBalanceWithResponse(ctx)
	if err != nil {
		return err
	}
	if balance.JSON200 == nil || balance.JSON200.Sms == 0 {
		return errors.New("balance: " + balance.Status())
	}
	return nil
}
