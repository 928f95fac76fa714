// Command campaign is the Lambda function that hands out the messages of a campaign that are due.
package main

import "sms-api/internal/function"

func main() {
	e := function.FromEnvironment("campaign")
	e.Start(e.Campaign().Turn)
}
