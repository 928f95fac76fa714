// Command settle is the Lambda function that announces messages whose execution ended without doing so itself.
package main

import "sms-api/internal/wiring"

func main() {
	e := wiring.FromEnvironment("settle")
	e.Start(e.Ended().Handle)
}
