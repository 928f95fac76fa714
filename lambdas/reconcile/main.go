// Command reconcile is the Lambda function that finds out what became of a send that failed.
package main

import "sms-api/internal/function"

func main() {
	e := function.FromEnvironment("reconcile")
	e.Start(e.Dispatch().Reconcile)
}
