// Command report is the Lambda function that writes the report of a campaign, and deletes its files when they are no longer kept.
package main

import "sms-api/internal/function"

func main() {
	e := function.FromEnvironment("report")
	e.Start(e.Reporting().Handle)
}
