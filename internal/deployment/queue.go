package deployment

import (
	"net/http"
	"strings"
	"time"
)

// Between the rules and the function that makes messages of events stands a queue. It keeps what comes faster than Aligo takes
// it, where that costs nothing, and what Step Functions does not take, for hours.
const (
	// EventBatch is how many events the function is given at a time at most.
	EventBatch = 10
	// EventReceives is how often an event is tried before it is a dead letter: it is hidden for six of the function's time limits
	// after each time, as AWS advises, which makes two hours and a half.
	//
	// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
	EventReceives = 50
	hiddenLimits  = 6
)

// eventRate is half of the twenty calls a second that Aligo's own sample code makes at most: a message takes two.
func eventRate() *Setting {
	return &Setting{Key: "events:rate", Default: "10", Lowest: 1, Highest: 1000}
}

// EventRuns is how many invocations of the function there are at a time: one for each five messages a second, and three at
// least, so that a replay, which starts nothing and does not wait, is soon over.
func EventRuns(rate int) int {
	const each, least = 5, 3
	return max(least, (rate+each-1)/each)
}

// EventHidden is for how long an event is hidden that the function has been given, whose time limit this is.
func EventHidden(timeout time.Duration) time.Duration { return hiddenLimits * timeout }

// EventPolls is how often Lambda asks the queue for events in some hours in which there is none: every 20 s, five times over.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
func EventPolls(hours float64) float64 {
	const pollers, every = 5, 20 * time.Second
	return pollers * hours * float64(time.Hour/every)
}

// APIThrottle is how many requests a second the API takes, and how many at once, where a stack says nothing.
func APIThrottle() (rate, burst int) { return 20, 40 }

// ReadThrottle is the same for each kind of request that is polled.
func ReadThrottle() (rate, burst int) { return 500, 1000 }

// Polled says of a request, or of an operation of the API, that it is answered from the table, which a message's way is not, and
// that pages ask again and again.
func Polled(method, path string) bool {
	_, ofCampaign, _ := strings.Cut(path, "/v1/campaigns/")
	return method == http.MethodGet &&
		(strings.HasPrefix(path, "/v1/messages") && !strings.HasSuffix(path, "/way") || ofCampaign != "" && !strings.Contains(ofCampaign, "/"))
}
