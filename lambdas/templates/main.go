// Command templates is the Lambda function that lists, writes and watches the channel's templates at Aligo.
package main

import "sms-api/internal/function"

func main() {
	e := function.FromEnvironment("templates")
	e.Start(e.TemplateDesk().Handle)
}
