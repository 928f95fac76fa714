package campaign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// Machine is the state machine of campaigns.
type Machine struct {
	Client interface {
		StartExecution(ctx context.Context, in *sfn.StartExecutionInput, opts ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
	}
	ARN string
}

// Run starts the execution of a campaign that is to go on with it. To start it once more does nothing.
func (m *Machine) Run(ctx context.Context, id string, run int) error {
	// Two strings and two numbers: there is nothing that cannot be encoded.
	input, _ := json.Marshal(Turn{ID: id, Run: run})
	_, err := m.Client.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: &m.ARN, Name: aws.String(id + "-" + strconv.Itoa(run)), Input: aws.String(string(input)),
	})
	var exists *types.ExecutionAlreadyExists
	if err != nil && !errors.As(err, &exists) {
		return fmt.Errorf("start campaign %s: %w", id, err)
	}
	return nil
}
