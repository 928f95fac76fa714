// Command sweep is the Lambda function that makes good what was lost: announcements, records and numbers.
package main

import "sms-api/internal/function"

func main() {
	e := function.FromEnvironment("sweep")
	e.Start(e.Sweeper().Handle)
}
