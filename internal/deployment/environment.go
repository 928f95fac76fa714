package deployment

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"sms-api/internal/route"
	"sms-api/internal/untrusted"
)

// Variable is a variable of a function's environment.
type Variable struct {
	Name string
	// Holds is what its value is.
	Holds string
	// MayBeEmpty says that an empty value has a meaning. It must be set all the same.
	MayBeEmpty bool
	// Setting is where a stack says the value; nil where the deployment itself knows it.
	Setting *Setting
}

// Setting is a key of a stack's configuration whose value a function gets as it is, or a rule goes by.
type Setting struct {
	// Key is the setting's name with its namespace: "api:untrustedMaxRecipients".
	Key     string
	Default string
	// OneOf are the values that there are. Without any, and without Text, the value is a whole number from Lowest to Highest.
	OneOf []string
	// Text says what the value is if it is a text, which may be empty where Default is. It has up to TextSize bytes.
	Text            string
	Lowest, Highest int
}

// TextSize is how many bytes a setting that is a text may have.
const TextSize = 96

// The variables. Lambda sets others by itself: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
const (
	LogLevel               = "LOG_LEVEL"
	ParameterPrefix        = "PARAMETER_PREFIX"
	EgressIPs              = "EGRESS_IPS"
	StateMachineARN        = "STATE_MACHINE_ARN"
	EventBusName           = "EVENT_BUS_NAME"
	Stack                  = "STACK"
	UntrustedMaxRecipients = "UNTRUSTED_MAX_RECIPIENTS"
	UntrustedMaxSchedule   = "UNTRUSTED_MAX_SCHEDULE"
	GuardTable             = "GUARD_TABLE"
	RetentionDays          = "RECORDS_RETENTION_DAYS"
	AdsSenderName          = "ADS_SENDER_NAME"
	AdsContact             = "ADS_CONTACT"
	AdsRefusal             = "ADS_REFUSAL"
	AdsUntil               = "ADS_UNTIL"
	NumberHour             = "LIMITS_NUMBER_HOUR"
	NumberDay              = "LIMITS_NUMBER_DAY"
	CallerDay              = "LIMITS_CALLER_DAY"
	TrustedNumberHour      = "LIMITS_TRUSTED_NUMBER_HOUR"
	TrustedNumberDay       = "LIMITS_TRUSTED_NUMBER_DAY"
	TrustedCallerDay       = "LIMITS_TRUSTED_CALLER_DAY"
	DailyRecipients        = "LIMITS_DAILY_RECIPIENTS"
	SameContentWithin      = "LIMITS_SAME_CONTENT_WITHIN"
	OptOutsCoverInfo       = "LIMITS_OPT_OUTS_COVER_INFO"
	EventRate              = "EVENT_RATE"
	CampaignMachineARN     = "CAMPAIGN_MACHINE_ARN"
	CampaignBucket         = "CAMPAIGN_BUCKET"
	CampaignFileDays       = "CAMPAIGN_FILE_DAYS"
)

// What leads the functions to stand-ins for Aligo. Nothing that is deployed sets them.
const (
	AligoSMSURL   = "ALIGO_SMS_URL"
	AligoKakaoURL = "ALIGO_KAKAO_URL"
)

func logLevel() Variable {
	return Variable{
		Name: LogLevel, Holds: "the lowest level that is logged",
		Setting: &Setting{Key: "functions:logLevel", Default: "info", OneOf: []string{"debug", "info", "warn", "error"}},
	}
}

func parameterPrefix() Variable {
	return Variable{Name: ParameterPrefix, Holds: "the path of the Aligo credentials in Parameter Store"}
}

func stateMachineARN() Variable {
	return Variable{Name: StateMachineARN, Holds: "the ARN that messages are started with"}
}

func campaignMachineARN() Variable {
	return Variable{Name: CampaignMachineARN, Holds: "the ARN that campaigns are started with"}
}

func campaignBucket() Variable {
	return Variable{Name: CampaignBucket, Holds: "the name of the bucket with the files of campaigns"}
}

func campaignFileDays() Variable {
	return Variable{
		Name: CampaignFileDays, Holds: "for how many days the files of a campaign are kept that has settled, or that nobody starts",
		MayBeEmpty: true, Setting: CampaignFilesKept(),
	}
}

// CampaignFilesKept is for how many days the files of a campaign are kept.
func CampaignFilesKept() *Setting {
	return &Setting{Key: "campaigns:fileDays", Default: "7", Lowest: 1, Highest: 90}
}

func stackName() Variable {
	return Variable{Name: Stack, Holds: "the stack's name, a dimension of the metrics"}
}

func eventBusName() Variable {
	return Variable{Name: EventBusName, Holds: "the name of the event bus"}
}

func guardTable() Variable {
	return Variable{Name: GuardTable, Holds: "the name of the table in which sends are opened, and records kept"}
}

func retention() Variable {
	return Variable{
		Name: RetentionDays, Holds: "for how many days after a message's expiry its record is kept", MayBeEmpty: true,
		Setting: &Setting{Key: "records:retentionDays", Default: "90", Lowest: 7, Highest: 730},
	}
}

// ads are what a function must know that takes advertising.
func ads() []Variable {
	return []Variable{
		{
			Name: AdsSenderName, Holds: "whose advertising it is; without this and the two after it there is none", MayBeEmpty: true,
			Setting: &Setting{Key: "ads:senderName", Text: "up to 30 bytes in CP949, such as 가나상점"},
		},
		{
			Name: AdsContact, Holds: "how the sender of advertising is reached", MayBeEmpty: true,
			Setting: &Setting{Key: "ads:contact", Text: "up to 40 bytes in CP949, such as 02-123-4567"},
		},
		{
			Name: AdsRefusal, Holds: "how to refuse more advertising for nothing", MayBeEmpty: true,
			Setting: &Setting{Key: "ads:refusal", Text: "up to 60 bytes in CP949, such as 무료수신거부 080-000-0000"},
		},
		adsUntil(),
	}
}

func adsUntil() Variable {
	return Variable{
		Name: AdsUntil, Holds: "the time of day in Korea from which on no advertising is handed to Aligo",
		Setting: &Setting{Key: "ads:until", Default: "20:50", Text: "08:01 to 20:55"},
	}
}

// rules are what a door must know of advertising and limits.
func rules(untrusted bool) []Variable { return append(ads(), limitSettings(untrusted)...) }

// limitSettings are what a function must know that counts what trusted callers ask for, and untrusted ones if it has any.
func limitSettings(untrusted bool) []Variable {
	number := func(name, key, fallback string, highest int, holds string) Variable {
		return Variable{
			Name: name, Holds: holds + "; 0 is no limit", MayBeEmpty: true,
			Setting: &Setting{Key: "limits:" + key, Default: fallback, Lowest: 0, Highest: highest},
		}
	}
	const hour, day, most = 100, 1000, 100_000_000
	var all []Variable
	if untrusted {
		all = []Variable{
			number(NumberHour, "numberHour", "5", hour, "how many messages of untrusted callers a number gets in any hour"),
			number(NumberDay, "numberDay", "10", day, "how many messages of untrusted callers a number gets on a day"),
			number(CallerDay, "callerDay", "200", most, "how many recipients an untrusted caller has on a day"),
		}
	}
	return append(all,
		number(TrustedNumberHour, "trustedNumberHour", "0", hour, "how many messages of trusted callers a number gets in any hour"),
		number(TrustedNumberDay, "trustedNumberDay", "0", day, "how many messages of trusted callers a number gets on a day"),
		number(TrustedCallerDay, "trustedCallerDay", "0", most, "how many recipients a trusted caller has on a day"),
		number(DailyRecipients, "dailyRecipients", "0", most, "how many recipients all callers together have on a day"),
		number(SameContentWithin, "sameContentWithin", "0", 24*60,
			"for how many minutes the same caller cannot send the same content to the same number again"),
		optOutsCoverInfo(),
	)
}

func optOutsCoverInfo() Variable {
	return Variable{
		Name: OptOutsCoverInfo, Holds: "whether who has opted out gets no other messages either",
		Setting: &Setting{Key: "limits:optOutsCoverInfo", Default: "false", OneOf: []string{"false", "true"}},
	}
}

// talksToAligo is the environment of a function that calls Aligo, and more.
func talksToAligo(more ...Variable) []Variable {
	return append([]Variable{
		logLevel(), parameterPrefix(),
		{Name: EgressIPs, Holds: "the addresses to register with Aligo, separated by commas", MayBeEmpty: true},
	}, more...)
}

// Settings are the variables that a setting decides, in the order of the functions, each once.
func Settings() []Variable { return slices.Clone(settings()) }

// settings are made once: each function looks for its own at its start, one by one.
var settings = sync.OnceValue(func() []Variable {
	var all []Variable
	for _, f := range Functions() {
		for _, v := range f.Environment {
			if v.Setting != nil && !slices.ContainsFunc(all, func(known Variable) bool { return known.Name == v.Name }) {
				all = append(all, v)
			}
		}
	}
	return all
})

// Defaults are the values of those variables where no stack has set them, by name.
func Defaults() map[string]string {
	values := map[string]string{}
	for _, v := range Settings() {
		values[v.Name] = v.Setting.Default
	}
	return values
}

// Files are the contents of all files that functions have beside their executable, by name.
func Files(routes []route.Route, policy untrusted.Policy) (map[string][]byte, error) {
	templates, err := route.File(routes)
	callers, wrong := policy.File()
	return map[string][]byte{RoutesFile: templates, UntrustedFile: callers}, errors.Join(err, wrong)
}

// Pick takes the function's variables out of the values of all. The error names one that has no value.
func Pick[V any](f Function, values map[string]V) (map[string]V, error) {
	picked := map[string]V{}
	for _, v := range f.Environment {
		value, ok := values[v.Name]
		if !ok {
			return nil, fmt.Errorf("function %s: nothing says what %s is", f.Name, v.Name)
		}
		picked[v.Name] = value
	}
	return picked, nil
}
