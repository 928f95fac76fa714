// Command balance is the Lambda function that reads the Aligo wallet, and so checks the whole way out to Aligo.
package main

import "sms-api/internal/function"

func main() {
	e := function.FromEnvironment("balance")
	e.Start(e.Balance().Handle)
}
