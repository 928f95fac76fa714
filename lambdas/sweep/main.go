// Command sweep is the Lambda function that makes good what was lost: announcements, records and numbers.
package main

import "sms-api/internal/wiring"

func main() {
	e := wiring.FromEnvironment("sweep")
	e.Start(e.Sweeper().Handle)
}
