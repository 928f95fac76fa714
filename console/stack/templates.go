package stack

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sms-api/internal/deployment"
	"sms-api/internal/template"
)

// Templates has the function of the stack that speaks with Aligo about templates do something. The error is AWS's, or says that the
// function failed; what Aligo says is in the answer.
func (s *Stack) Templates(ctx context.Context, r template.Request) (template.Answer, error) {
	payload, err := json.Marshal(r)
	if err != nil {
		return template.Answer{}, err
	}
	// A call that the SDK repeats because its answer was lost finds what the first one has made, or that it still writes.
	out, err := s.functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: aws.String(s.Functions + deployment.Templates), Payload: payload})
	if err != nil {
		return template.Answer{}, explained(err)
	}
	if out.FunctionError != nil {
		var failed struct{ ErrorMessage string }
		_ = json.Unmarshal(out.Payload, &failed)
		return template.Answer{}, fmt.Errorf("the function %s failed (%s); its log says more", s.Functions+deployment.Templates,
			failed.ErrorMessage)
	}
	var answer template.Answer
	if err := json.Unmarshal(out.Payload, &answer); err != nil {
		return template.Answer{}, fmt.Errorf("the answer of the function %s: %w", s.Functions+deployment.Templates, err)
	}
	return answer, nil
}
