package awsapi

import (
	"context"
	"crypto/md5" //nolint:gosec // the protocol's check of what has arrived
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"sms-api/awslocal/eventbus"
	"sms-api/awslocal/rawjson"
)

// Limits of SQS.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
const (
	maxQueueMessage  = 1 << 20 // bytes
	maxVisibility    = 12 * time.Hour
	maxReceived      = 10 // messages at once
	maxPollWait      = 20 * time.Second
	pollPause        = 200 * time.Millisecond
	defaultRetention = 4 * 24 * time.Hour
	defaultHidden    = 30 * time.Second
)

// QueueOptions are a queue's attributes; what is zero is SQS's default.
type QueueOptions struct {
	// Visibility is how long a message is hidden that somebody has received, Retention how long it is kept.
	Visibility, Retention time.Duration
	// DeadLetters is the name of the queue for messages that were received MaxReceives times in vain; empty for none.
	DeadLetters string
	MaxReceives int
}

// Source is how Lambda takes a queue's messages to a function: Batch at a time, in Concurrency invocations at a time, with
// partial failures reported.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
type Source struct {
	Function           string
	Batch, Concurrency int
}

// QueueARN is the ARN of a queue of the endpoint.
func QueueARN(name string) string { return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", Region, Account, name) }

func queueURL(name string) string {
	return fmt.Sprintf("https://sqs.%s.amazonaws.com/%s/%s", Region, Account, name)
}

// queues is the SQS service: standard queues, whose messages come in order here.
type queues struct {
	endpoint   *Endpoint
	background background
	ctx        context.Context
	cancel     context.CancelFunc

	mu     sync.RWMutex
	byName map[string]*queue
}

func newQueues(e *Endpoint) *queues {
	ctx, cancel := context.WithCancel(context.Background())
	return &queues{endpoint: e, ctx: ctx, cancel: cancel, byName: map[string]*queue{}}
}

type queue struct {
	service *queues
	name    string
	options QueueOptions

	mu sync.Mutex
	// ready are the messages that can be received, oldest first, and hidden those that somebody has, by receipt.
	ready  []*queueMessage
	hidden map[string]*queueMessage
	source *Source
	// running is how many invocations of the source's function are under way.
	running int
}

type queueMessage struct {
	id, body    string
	sent, first time.Time
	receives    int
	receipt     string
	attributes  map[string]messageAttribute
	// hiddenUntil is when somebody else may have it.
	hiddenUntil time.Time
}

// messageAttribute is one that a sender has given a message.
type messageAttribute struct {
	DataType    string
	StringValue string
}

// Queue makes a standard queue and returns its ARN. One of the same name stays as it is.
func (e *Endpoint) Queue(name string, o QueueOptions) (arn string) {
	if o.Visibility == 0 {
		o.Visibility = defaultHidden
	}
	if o.Retention == 0 {
		o.Retention = defaultRetention
	}
	s := e.queues
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byName[name] == nil {
		s.byName[name] = &queue{service: s, name: name, options: o, hidden: map[string]*queueMessage{}}
	}
	return QueueARN(name)
}

// Take has Lambda take a queue's messages to a function. Both must be there.
func (e *Endpoint) Take(queueName string, s Source) error {
	if _, err := e.functions.lookup(s.Function); err != nil {
		return err
	}
	q, err := e.queues.lookup(queueName)
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.source = &s
	q.pump()
	return nil
}

// QueueDepth is how many messages of a queue can be received, and how many somebody has received.
func (e *Endpoint) QueueDepth(name string) (ready, hidden int) {
	q, err := e.queues.lookup(name)
	if err != nil {
		return 0, 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.ready), len(q.hidden)
}

// Send puts a message into a queue, given by its name, URL or ARN.
func (e *Endpoint) Send(queue, body string) error { return e.queues.send(queue, body) }

// lookup finds a queue by its name, URL or ARN.
func (s *queues) lookup(which string) (*queue, error) {
	name := which[strings.LastIndexAny(which, ":/")+1:]
	s.mu.RLock()
	defer s.mu.RUnlock()
	q := s.byName[name]
	if q == nil {
		return nil, &ServiceError{Code: "AWS.SimpleQueueService.NonExistentQueue", Message: "The specified queue does not exist."}
	}
	return q, nil
}

func (s *queues) send(which, body string) error {
	q, err := s.lookup(which)
	if err != nil {
		return err
	}
	_, err = q.send(body, nil)
	return err
}

// bury puts an event that was given up into its target's queue, as EventBridge does.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
func (s *queues) bury(d eventbus.DeadLetter) {
	q, err := s.lookup(d.QueueARN)
	if err != nil {
		return // it is a queue elsewhere, or none
	}
	attributes := map[string]messageAttribute{}
	for name, value := range map[string]string{
		"RULE_ARN": d.RuleARN, "TARGET_ARN": d.TargetARN, "ERROR_CODE": d.Code, "ERROR_MESSAGE": d.Message,
		"RETRY_ATTEMPTS": strconv.Itoa(d.Attempts),
	} {
		if value != "" {
			attributes[name] = messageAttribute{"String", value}
		}
	}
	if _, err := q.send(string(d.Event), attributes); err != nil {
		s.endpoint.log.Error("dead letter lost", "queue", q.name, "error", err)
	}
}

// close stops what takes messages and waits for it.
func (s *queues) close(ctx context.Context) error {
	s.background.close()
	s.cancel()
	return s.background.wait(ctx)
}

func (q *queue) send(body string, attributes map[string]messageAttribute) (*queueMessage, error) {
	if len(body) == 0 || len(body) > maxQueueMessage {
		return nil, &ServiceError{Code: "InvalidParameterValue",
			Message: fmt.Sprintf("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", maxQueueMessage)}
	}
	now := q.service.endpoint.clock.Now()
	m := &queueMessage{id: uuid.NewString(), body: body, sent: now, attributes: attributes}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ready = append(q.ready, m)
	q.pump()
	return m, nil
}

// receive takes messages and hides them. The queue must be locked.
func (q *queue) receive(most int, hide time.Duration) []*queueMessage {
	now := q.service.endpoint.clock.Now()
	var batch []*queueMessage
	for len(q.ready) > 0 && len(batch) < most {
		m := q.ready[0]
		q.ready[0], q.ready = nil, q.ready[1:]
		if now.Sub(m.sent) > q.options.Retention {
			continue
		}
		if q.options.DeadLetters != "" && m.receives >= q.options.MaxReceives {
			q.service.background.startOn(q.service.endpoint.clock, func() { q.giveUp(m) })
			continue
		}
		if m.receives++; m.receives == 1 {
			m.first = now
		}
		m.receipt, m.hiddenUntil = uuid.NewString(), now.Add(hide)
		q.hidden[m.receipt] = m
		batch = append(batch, m)
	}
	return batch
}

// giveUp moves a message to the queue for dead letters, where it is as old as it was.
func (q *queue) giveUp(m *queueMessage) {
	dead, err := q.service.lookup(q.options.DeadLetters)
	if err != nil {
		q.service.endpoint.log.Error("dead letter lost", "queue", q.name, "error", err)
		return
	}
	m.receives, m.receipt = 0, ""
	dead.mu.Lock()
	defer dead.mu.Unlock()
	dead.ready = append(dead.ready, m)
	dead.pump()
}

// watch shows messages again when their time is over, unless they were deleted by then.
func (q *queue) watch(receipts []string, until time.Time) {
	if len(receipts) == 0 {
		return
	}
	clock := q.service.endpoint.clock
	q.service.background.startOn(clock, func() {
		if clock.Sleep(q.service.ctx, until.Sub(clock.Now())) != nil {
			return
		}
		q.mu.Lock()
		defer q.mu.Unlock()
		for _, receipt := range receipts {
			m := q.hidden[receipt]
			if m == nil {
				continue // it was deleted
			}
			delete(q.hidden, receipt)
			q.ready = append(q.ready, m)
		}
		q.pump()
	})
}

// pump starts invocations while there are messages. The queue must be locked.
func (q *queue) pump() {
	for q.source != nil && q.running < q.source.Concurrency && len(q.ready) > 0 {
		batch := q.receive(q.source.Batch, q.options.Visibility)
		if len(batch) == 0 {
			continue
		}
		started := q.service.background.startOn(q.service.endpoint.clock, func() {
			failed := q.deliver(batch)
			q.mu.Lock()
			defer q.mu.Unlock()
			q.running--
			var again []string
			for _, m := range batch {
				if failed[m.id] {
					again = append(again, m.receipt)
				} else {
					delete(q.hidden, m.receipt)
				}
			}
			q.watch(again, batch[0].hiddenUntil)
			q.pump()
		})
		if !started {
			return
		}
		q.running++
	}
}

// deliver invokes the function with a batch and returns the ids of what was in vain.
//
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
func (q *queue) deliver(batch []*queueMessage) (failed map[string]bool) {
	type record struct {
		MessageID         string            `json:"messageId"`
		ReceiptHandle     string            `json:"receiptHandle"`
		Body              string            `json:"body"`
		Attributes        map[string]string `json:"attributes"`
		MessageAttributes struct{}          `json:"messageAttributes"`
		MD5OfBody         string            `json:"md5OfBody"`
		EventSource       string            `json:"eventSource"`
		EventSourceARN    string            `json:"eventSourceARN"`
		Region            string            `json:"awsRegion"`
	}
	var event struct{ Records []record }
	for _, m := range batch {
		event.Records = append(event.Records, record{
			MessageID: m.id, ReceiptHandle: m.receipt, Body: m.body, Attributes: m.systemAttributes(), MD5OfBody: checksum(m.body),
			EventSource: "aws:sqs", EventSourceARN: QueueARN(q.name), Region: Region,
		})
	}
	failed = map[string]bool{}
	all := func() map[string]bool {
		for _, m := range batch {
			failed[m.id] = true
		}
		return failed
	}
	payload, err := rawjson.Marshal(event)
	if err != nil {
		return all()
	}
	output, err := q.service.endpoint.functions.invoke(q.service.ctx, q.source.Function, payload)
	if err != nil {
		return all()
	}
	var answer struct {
		BatchItemFailures []struct {
			ItemIdentifier string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := json.Unmarshal(output, &answer); err != nil {
		return all()
	}
	for _, f := range answer.BatchItemFailures {
		if !slices.ContainsFunc(batch, func(m *queueMessage) bool { return m.id == f.ItemIdentifier }) {
			return all() // an identifier that nobody knows fails the whole batch
		}
		failed[f.ItemIdentifier] = true
	}
	return failed
}

func (m *queueMessage) systemAttributes() map[string]string {
	return map[string]string{
		"ApproximateReceiveCount":          strconv.Itoa(m.receives),
		"SentTimestamp":                    strconv.FormatInt(m.sent.UnixMilli(), 10),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.first.UnixMilli(), 10),
		"SenderId":                         Account,
	}
}

func checksum(body string) string {
	sum := md5.Sum([]byte(body)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}

type queueInput struct {
	QueueURL       string `json:"QueueUrl"`
	QueueName      string
	AttributeNames []string
}

func (s *queues) getQueueURL(_ context.Context, in queueInput) (any, error) {
	q, err := s.lookup(in.QueueName)
	if err != nil {
		return nil, err
	}
	return map[string]string{"QueueUrl": queueURL(q.name)}, nil
}

func (s *queues) listQueues(_ context.Context, in struct{ QueueNamePrefix string }) (any, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	urls := []string{}
	for _, name := range slices.Sorted(maps.Keys(s.byName)) {
		if strings.HasPrefix(name, in.QueueNamePrefix) {
			urls = append(urls, queueURL(name))
		}
	}
	return map[string][]string{"QueueUrls": urls}, nil
}

func (s *queues) getQueueAttributes(_ context.Context, in queueInput) (any, error) {
	q, err := s.lookup(in.QueueURL)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	all := map[string]string{
		"QueueArn":                              QueueARN(q.name),
		"ApproximateNumberOfMessages":           strconv.Itoa(len(q.ready)),
		"ApproximateNumberOfMessagesNotVisible": strconv.Itoa(len(q.hidden)),
		"ApproximateNumberOfMessagesDelayed":    "0",
		"VisibilityTimeout":                     strconv.Itoa(int(q.options.Visibility.Seconds())),
		"MessageRetentionPeriod":                strconv.Itoa(int(q.options.Retention.Seconds())),
	}
	if q.options.DeadLetters != "" {
		all["RedrivePolicy"] = fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, QueueARN(q.options.DeadLetters),
			q.options.MaxReceives)
	}
	if !slices.Contains(in.AttributeNames, "All") {
		maps.DeleteFunc(all, func(name, _ string) bool { return !slices.Contains(in.AttributeNames, name) })
	}
	return map[string]map[string]string{"Attributes": all}, nil
}

type sendMessageInput struct {
	QueueURL          string `json:"QueueUrl"`
	MessageBody       string
	MessageAttributes map[string]messageAttribute
}

func (s *queues) sendMessage(_ context.Context, in sendMessageInput) (any, error) {
	q, err := s.lookup(in.QueueURL)
	if err != nil {
		return nil, err
	}
	m, err := q.send(in.MessageBody, in.MessageAttributes)
	if err != nil {
		return nil, err
	}
	return map[string]string{"MessageId": m.id, "MD5OfMessageBody": checksum(m.body)}, nil
}

type receiveMessageInput struct {
	QueueURL                    string `json:"QueueUrl"`
	MaxNumberOfMessages         int
	WaitTimeSeconds             int
	VisibilityTimeout           *int
	AttributeNames              []string
	MessageSystemAttributeNames []string
	MessageAttributeNames       []string
}

type receivedMessage struct {
	MessageID         string `json:"MessageId"`
	ReceiptHandle     string
	MD5OfBody         string
	Body              string
	Attributes        map[string]string
	MessageAttributes map[string]messageAttribute `json:",omitempty"`
}

// receiveMessage gives all attributes, whichever are asked for.
func (s *queues) receiveMessage(ctx context.Context, in receiveMessageInput) (any, error) {
	q, err := s.lookup(in.QueueURL)
	if err != nil {
		return nil, err
	}
	if in.MaxNumberOfMessages == 0 {
		in.MaxNumberOfMessages = 1
	}
	hide, wait := q.options.Visibility, time.Duration(in.WaitTimeSeconds)*time.Second
	if in.VisibilityTimeout != nil {
		hide = time.Duration(*in.VisibilityTimeout) * time.Second
	}
	if in.MaxNumberOfMessages < 1 || in.MaxNumberOfMessages > maxReceived || hide < 0 || hide > maxVisibility || wait < 0 ||
		wait > maxPollWait {
		return nil, &ServiceError{Code: "InvalidParameterValue", Message: "A value is out of its range: MaxNumberOfMessages 1 to 10, " +
			"VisibilityTimeout 0 to 43200, WaitTimeSeconds 0 to 20."}
	}
	clock := s.endpoint.clock
	deadline := clock.Now().Add(wait)
	for {
		q.mu.Lock()
		batch := q.receive(in.MaxNumberOfMessages, hide)
		messages, receipts := []receivedMessage{}, []string{}
		for _, m := range batch {
			receipts = append(receipts, m.receipt)
			messages = append(messages, receivedMessage{m.id, m.receipt, checksum(m.body), m.body, m.systemAttributes(), m.attributes})
		}
		q.watch(receipts, clock.Now().Add(hide))
		q.mu.Unlock()
		if len(messages) > 0 || !clock.Now().Before(deadline) {
			return map[string][]receivedMessage{"Messages": messages}, nil
		}
		if err := clock.Sleep(ctx, pollPause); err != nil {
			return nil, err
		}
	}
}

type deleteMessageInput struct {
	QueueURL      string `json:"QueueUrl"`
	ReceiptHandle string
}

func (s *queues) deleteMessage(_ context.Context, in deleteMessageInput) (any, error) {
	q, err := s.lookup(in.QueueURL)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	// A receipt that is too old deletes nothing, which is no error either.
	delete(q.hidden, in.ReceiptHandle)
	return struct{}{}, nil
}
