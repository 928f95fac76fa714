// Command receipts is the Lambda function that reads delivery receipts and decides who gets an SMS.
package main

import "sms-api/internal/function"

func main() {
	e := function.FromEnvironment("receipts")
	e.Start(e.Dispatch().Receipts)
}
