// Package price is what AWS and Aligo ask for what the product uses, each price with its source and the date for which it
// was known. All of it is list prices, without tax, free tiers and discounts.
package price

// Item is something that AWS bills.
type Item int

// What is billed by use.
const (
	// Transitions are states entered by STANDARD executions, and retries.
	Transitions Item = iota
	// Invocations are requests to Lambda.
	Invocations
	// Compute is Lambda's time multiplied by memory, in GB-seconds.
	Compute
	// Requests are calls of the HTTP API.
	Requests
	// Events are put on an event bus, counted per 64 KB.
	Events
	// Deliveries are calls of API destinations, which webhooks are.
	Deliveries
	// QueueRequests are requests to SQS, of up to 64 KB.
	QueueRequests
	// TableWrites and TableReads are request units of DynamoDB on demand: a write of 1 KB, a consistent read of 4 KB.
	TableWrites
	TableReads
	// ObjectWrites and ObjectReads are requests to S3, each of whatever size: those that write or list, and those that read. To
	// delete costs nothing.
	ObjectWrites
	ObjectReads
	// Objects are GB kept in S3 for a month.
	Objects
	// Logs are GB taken in by CloudWatch Logs, and kept for a month.
	Logs
	// NAT is GB that pass a NAT gateway, either way.
	NAT
	// Egress is GB that leave AWS for the internet.
	Egress
	// Decryptions are requests to KMS.
	Decryptions
	// Traces are recorded by X-Ray.
	Traces
	// ExpressRequests and ExpressCompute (GB-seconds) are what Step Functions bills for an EXPRESS workflow.
	ExpressRequests
	ExpressCompute
)

// What is billed by the month or the hour.
const (
	GatewayHours Item = iota + ExpressCompute + 1
	AddressHours
	InstanceHours
	// Disk is GB of an instance's volume in a month.
	Disk
	Alarms
	Metrics
	Dashboards
	Keys

	// Items is how many there are.
	Items int = iota + int(ExpressCompute) + 1
)

// Price is what AWS asks for an item.
type Price struct {
	// Name of the item for people.
	Name string
	// USD is the price of Per units.
	USD, Per float64
	Unit     string
	// Source is AWS's page with the price.
	Source string
	// UsageType finds it in AWS's Price List of ap-northeast-2; empty where Seoul's own price was not found.
	UsageType string
	// Seen is the day or month for which the price was known; empty where the copy that it was read from has no date.
	Seen string
	// Note says what is not certain about it.
	Note string
}

// Of is the price of a quantity, in USD.
func (p Price) Of(quantity float64) float64 { return quantity / p.Per * p.USD }

// List has the price of every item.
type List [Items]Price

// Seoul is the price list. The dates are those of the copies of AWS's Price List that it was read from:
// https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/index.json
func Seoul() List {
	const (
		million    = 1_000_000
		read       = "2026-10-01"
		cloudwatch = "https://aws.amazon.com/cloudwatch/pricing/"
		lambda     = "https://aws.amazon.com/lambda/pricing/"
		states     = "https://aws.amazon.com/step-functions/pricing/"
		vpc        = "https://aws.amazon.com/vpc/pricing/"
		dynamodb   = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
		kms        = "https://aws.amazon.com/kms/pricing/"
		s3         = "https://aws.amazon.com/s3/pricing/"
		elsewhere  = "Seoul's own price was not found; this is the one of us-east-1"
	)
	return List{
		Transitions: {Name: "Step Functions, state transitions", USD: 0.0271, Per: 1000, Unit: "transitions", Source: states,
			UsageType: "APN2-StateTransition", Seen: "2025-07-01"},
		Invocations: {Name: "Lambda, requests", USD: 0.20, Per: million, Unit: "requests", Source: lambda, UsageType: "APN2-Request-ARM",
			Seen: read},
		Compute: {Name: "Lambda, arm64", USD: 0.0000133334, Per: 1, Unit: "GB-seconds", Source: lambda,
			UsageType: "APN2-Lambda-GB-Second-ARM", Seen: read},
		Requests: {Name: "API Gateway, HTTP API", USD: 1.23, Per: million, Unit: "requests",
			Source: "https://aws.amazon.com/api-gateway/pricing/", UsageType: "APN2-ApiGatewayHttpRequest", Seen: read,
			Note: "the first 300 million of a month"},
		Events: {Name: "EventBridge, custom events", USD: 1.00, Per: million, Unit: "events of 64 KB",
			Source: "https://aws.amazon.com/eventbridge/pricing/", Seen: "2026-06", Note: elsewhere},
		Deliveries: {Name: "EventBridge, API destinations", USD: 0.20, Per: million, Unit: "calls",
			Source: "https://aws.amazon.com/eventbridge/pricing/", Seen: "2026-06", Note: elsewhere},
		QueueRequests: {Name: "SQS, requests", USD: 0.40, Per: million, Unit: "requests of 64 KB",
			Source: "https://aws.amazon.com/sqs/pricing/", Note: elsewhere},
		TableWrites: {Name: "DynamoDB, writes", USD: 0.68, Per: million, Unit: "units of 1 KB", Source: dynamodb,
			UsageType: "APN2-WriteRequestUnits", Seen: "2026-06-12"},
		TableReads: {Name: "DynamoDB, consistent reads", USD: 0.1355, Per: million, Unit: "units of 4 KB", Source: dynamodb,
			UsageType: "APN2-ReadRequestUnits", Seen: "2026-06-12"},
		ObjectWrites: {Name: "S3, writes and lists", USD: 0.0045, Per: 1000, Unit: "requests", Source: s3, UsageType: "APN2-Requests-Tier1",
			Seen: "2026-09-28"},
		ObjectReads: {Name: "S3, reads", USD: 0.0035, Per: 10_000, Unit: "requests", Source: s3, UsageType: "APN2-Requests-Tier2",
			Seen: "2026-09-28"},
		Objects: {Name: "S3, Standard", USD: 0.025, Per: 1, Unit: "GB-months", Source: s3, UsageType: "APN2-TimedStorage-ByteHrs",
			Seen: "2026-09-28", Note: "the first 50 TB"},
		Logs: {Name: "CloudWatch Logs", USD: 0.76 + 0.0314, Per: 1, Unit: "GB", Source: cloudwatch,
			UsageType: "APN2-DataProcessing-Bytes", Seen: read,
			Note: "0.76 to take them in and 0.0314 to keep them for a month (APN2-TimedStorage-ByteHrs)"},
		NAT: {Name: "NAT gateway, traffic", USD: 0.059, Per: 1, Unit: "GB", Source: vpc, UsageType: "APN2-NatGateway-Bytes",
			Seen: read},
		Egress: {Name: "Traffic to the internet", USD: 0.126, Per: 1, Unit: "GB",
			Source: "https://aws.amazon.com/ec2/pricing/on-demand/", UsageType: "APN2-DataTransfer-Out-Bytes", Seen: read,
			Note: "the first 10 TB of a month"},
		Decryptions: {Name: "KMS, requests", USD: 0.03, Per: 10_000, Unit: "requests", Source: kms, UsageType: "ap-northeast-2-KMS-Requests",
			Seen: read},
		Traces: {Name: "X-Ray, traces", USD: 5.00, Per: million, Unit: "traces", Source: "https://aws.amazon.com/xray/pricing/",
			UsageType: "APN2-XRay-TracesStored"},
		ExpressRequests: {Name: "Step Functions Express, requests", USD: 1.00, Per: million, Unit: "requests", Source: states, Note: elsewhere},
		ExpressCompute:  {Name: "Step Functions Express, duration", USD: 0.00001667, Per: 1, Unit: "GB-seconds", Source: states, Note: elsewhere},
		GatewayHours:    {Name: "NAT gateway", USD: 0.059, Per: 1, Unit: "hours", Source: vpc, UsageType: "APN2-NatGateway-Hours", Seen: read},
		AddressHours: {Name: "Public IPv4 address", USD: 0.005, Per: 1, Unit: "hours", Source: vpc, UsageType: "APN2-PublicIPv4:InUseAddress",
			Seen: read},
		InstanceHours: {Name: "EC2, t4g.nano", USD: 0.0052, Per: 1, Unit: "hours", Source: "https://aws.amazon.com/ec2/pricing/on-demand/",
			UsageType: "APN2-BoxUsage:t4g.nano", Seen: read, Note: "half of t4g.micro's 0.0104, which is the one that was found"},
		Disk: {Name: "EBS, gp3", USD: 0.0912, Per: 1, Unit: "GB-months", Source: "https://aws.amazon.com/ebs/pricing/",
			UsageType: "APN2-EBS:VolumeUsage.gp3", Seen: read},
		Alarms: {Name: "CloudWatch, alarms", USD: 0.10, Per: 1, Unit: "alarms", Source: cloudwatch,
			UsageType: "APN2-CW:AlarmMonitorUsage", Seen: read},
		Metrics: {Name: "CloudWatch, custom metrics", USD: 0.30, Per: 1, Unit: "metrics", Source: cloudwatch,
			UsageType: "APN2-CW:MetricMonitorUsage", Seen: read},
		Dashboards: {Name: "CloudWatch, dashboard", USD: 3.00, Per: 1, Unit: "dashboard", Source: cloudwatch, Seen: "2026-06",
			Note: elsewhere},
		Keys: {Name: "KMS, customer managed key", USD: 1.00, Per: 1, Unit: "key", Source: kms, UsageType: "ap-northeast-2-KMS-Keys",
			Seen: read},
	}
}

// Usage is a quantity of every item.
type Usage [Items]float64

// Plus adds what else was used.
func (u Usage) Plus(other Usage) Usage {
	for i, quantity := range other {
		u[i] += quantity
	}
	return u
}

// Times is the usage n times over.
func (u Usage) Times(n float64) Usage {
	for i := range u {
		u[i] *= n
	}
	return u
}

// Cost is what the usage costs, in USD.
func (l List) Cost(u Usage) float64 {
	var usd float64
	for i, quantity := range u {
		usd += l[i].Of(quantity)
	}
	return usd
}

// HoursPerMonth is as AWS reckons.
const HoursPerMonth = 730

// InstanceDisk is the volume of a NAT instance, in GB.
const InstanceDisk = 8

// Aligo's list prices per recipient, in KRW without tax. A failed AlimTalk is paid back.
//
// https://smartsms.aligo.in/
const (
	AlimTalkKRW = 6.5
	SMSKRW      = 8.4
	LMSKRW      = 25.9
	MMSKRW      = 60
)

// AnalysisUSD is what Reachability Analyzer asks for an analysis, of which a deployment makes one for each private subnet when it
// makes the path to the internet: https://aws.amazon.com/vpc/pricing/
const AnalysisUSD = 0.10

// AligoSeen is the day for which those prices were known.
const AligoSeen = "2026-11-22"
