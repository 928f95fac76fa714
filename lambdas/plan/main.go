// Command plan is the Lambda function that checks the file of a campaign and cuts it into messages.
package main

import "sms-api/internal/function"

func main() {
	e := function.FromEnvironment("plan")
	e.Start(e.Planning().Handle)
}
