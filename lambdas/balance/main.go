// Command balance is the Lambda function that reads the Aligo wallet, and so checks the whole way out to Aligo.
package main

import "sms-api/internal/wiring"

func main() {
	e := wiring.FromEnvironment("balance")
	e.Start(e.Balance().Handle)
}
