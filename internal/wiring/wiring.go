// Package wiring reads what a function is configured with from its environment, and puts together from it the parts
// that several functions share.
package wiring

import (
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"sms-api/internal/aligo"
	"sms-api/internal/awsenv"
	"sms-api/internal/handlers"
	"sms-api/internal/logging"
	"sms-api/internal/parameters"
)

// Settings of a function.
type Settings struct {
	AWS aws.Config
	// ParameterPrefix is the path of the Aligo credentials in SSM; empty means parameters.DefaultPrefix.
	ParameterPrefix string
	// AligoSMSURL and AligoKakaoURL are empty for the vendor's own.
	AligoSMSURL, AligoKakaoURL string
	// EgressIPs are the addresses to register with Aligo.
	EgressIPs []string
	// HTTP is the client for Aligo; nil means the aligo package's own.
	HTTP *http.Client
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log is where functions log to; nil means logging.New.
	Log *slog.Logger
}

// FromEnvironment reads AWS's variables (see package awsenv) and PARAMETER_PREFIX, ALIGO_SMS_URL, ALIGO_KAKAO_URL
// and EGRESS_IPS (separated by commas), all of which may be empty.
func FromEnvironment() (Settings, error) {
	config, err := awsenv.Config()
	if err != nil {
		return Settings{}, err
	}
	return Settings{
		AWS:             config,
		ParameterPrefix: os.Getenv("PARAMETER_PREFIX"),
		AligoSMSURL:     os.Getenv("ALIGO_SMS_URL"),
		AligoKakaoURL:   os.Getenv("ALIGO_KAKAO_URL"),
		EgressIPs:       strings.FieldsFunc(os.Getenv("EGRESS_IPS"), func(r rune) bool { return r == ',' || r == ' ' }),
	}, nil
}

// templateTTL is how long a list of templates is used. Aligo takes days to approve a template, so minutes are early.
const templateTTL = 10 * time.Minute

// Aligo returns the vendor's client with credentials from SSM, and the cache of its templates.
func (s Settings) Aligo() (*aligo.Client, *aligo.TemplateCache) {
	client := &aligo.Client{
		SMSURL: s.AligoSMSURL, KakaoURL: s.AligoKakaoURL, HTTP: s.HTTP, Now: s.Now,
		Credentials: parameters.New(ssm.NewFromConfig(s.AWS), s.ParameterPrefix, 0),
	}
	return client, &aligo.TemplateCache{Client: client, TTL: templateTTL}
}

// Dispatch returns the handlers of the state machine's tasks.
func (s Settings) Dispatch() *handlers.Dispatch {
	client, templates := s.Aligo()
	now, log := s.Now, s.Log
	if now == nil {
		now = time.Now
	}
	if log == nil {
		log = logging.New()
	}
	return &handlers.Dispatch{Aligo: client, Templates: templates, Now: now, Log: log, EgressIPs: s.EgressIPs}
}

// Balance returns the handler of the balance function, whose metrics carry the name of the stack.
func (s Settings) Balance(stack string) *handlers.Balance {
	client, _ := s.Aligo()
	return &handlers.Balance{Dispatch: s.Dispatch(), Wallet: client, Stack: stack, Metrics: os.Stdout}
}
