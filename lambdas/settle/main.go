// Command settle is the Lambda function that announces messages whose execution ended without doing so itself.
package main

import "sms-api/internal/function"

func main() {
	e := function.FromEnvironment("settle")
	e.Start(e.Ended().Handle)
}
