// Command report is the Lambda function that writes the report of a campaign, and deletes its files when they are no longer kept.
package main

import "sms-api/internal/wiring"

func main() {
	e := wiring.FromEnvironment("report")
	e.Start(e.Reporting().Handle)
}
