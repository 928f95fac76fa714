// Command templates is the Lambda function that lists, writes and watches the channel's templates at Aligo.
package main

import "sms-api/internal/wiring"

func main() {
	e := wiring.FromEnvironment("templates")
	e.Start(e.TemplateDesk().Handle)
}
