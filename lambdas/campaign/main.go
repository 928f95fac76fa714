// Command campaign is the Lambda function that hands out the messages of a campaign that are due.
package main

import "sms-api/internal/wiring"

func main() {
	e := wiring.FromEnvironment("campaign")
	e.Start(e.Campaign().Turn)
}
