package stack

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sms-api/internal/deployment"
)

// Deployed is what runs. It is read of the functions, whose configuration the program writes: so one right tells it, on each of
// them, and an address is told as well that is not the stack's own.
type Deployed struct {
	// EgressIPs are the addresses that Aligo has to know. Without any, nobody has said which one the network of one's own leaves by.
	EgressIPs []string `json:"egressIps"`
	// Version is the product's and At when the last function was deployed that is not of an earlier one.
	Version string    `json:"version,omitempty"`
	At      time.Time `json:"at"`
	// Functions are all of them, in the order of package deployment. One that the stack does not have is left out.
	Functions []DeployedFunction `json:"functions"`
}

// DeployedFunction is one of them.
type DeployedFunction struct {
	Name string `json:"name"`
	// Version is empty for one that was deployed before functions told it.
	Version string    `json:"version,omitempty"`
	At      time.Time `json:"at"`
	Log     string    `json:"log"`
}

// deployedFor is for how long what runs is not asked for again: it takes a call for each function, and changes with deployments.
const deployedFor = time.Minute

// Deployed reads what runs.
func (s *Stack) Deployed(ctx context.Context) (Deployed, error) {
	s.mu.Lock()
	known, at := s.deployed, s.deployedAt
	s.mu.Unlock()
	if !at.IsZero() && s.Now().Sub(at) < deployedFor {
		return known, nil
	}
	d := Deployed{EgressIPs: []string{}, Functions: []DeployedFunction{}}
	for _, f := range deployment.Functions() {
		out, err := s.functions.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{
			FunctionName: aws.String(s.Functions + f.Name),
		})
		switch err := explained(err); {
		case isMissing(err):
			continue // it is of a later version
		case err != nil:
			return Deployed{}, err
		}
		one := DeployedFunction{Name: f.Name, Version: deployment.VersionIn(aws.ToString(out.Description)), Log: s.log(f.Name)}
		if at, err := time.Parse("2006-01-02T15:04:05.000-0700", aws.ToString(out.LastModified)); err == nil {
			one.At = at.UTC()
		}
		if one.At.After(d.At) {
			d.Version, d.At = one.Version, one.At
		}
		d.Functions = append(d.Functions, one)
		if out.Environment != nil && len(d.EgressIPs) == 0 {
			for ip := range strings.SplitSeq(out.Environment.Variables[deployment.EgressIPs], ",") {
				if ip != "" {
					d.EgressIPs = append(d.EgressIPs, ip)
				}
			}
		}
	}
	if len(d.Functions) == 0 {
		return Deployed{}, notThere()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deployed, s.deployedAt = d, s.Now()
	return d, nil
}
