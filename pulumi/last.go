package main

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sms-api/internal/deployment/price"
)

// The outputs of a stack that its next deployment reads.
const (
	outputEgressIPs     = "egressIps"
	outputEncryptionKey = "encryptionKey"
)

// lastDeployment is what the last deployment of this stack has left in its outputs. It is empty before the first one.
type lastDeployment struct {
	// encryptionKey is what encryption:key was.
	encryptionKey string
	// addresses is how many there were.
	addresses int
}

// findLastDeployment asks the engine for the stack's own outputs, as a stack reference does; a reference to the stack itself
// would keep a copy of them in the state.
func findLastDeployment(ctx *pulumi.Context) (lastDeployment, error) {
	name := struct {
		Name string `pulumi:"name"`
	}{path.Join(ctx.Organization(), ctx.Project(), ctx.Stack())}
	var found struct {
		Outputs map[string]any `pulumi:"outputs"`
	}
	if err := ctx.Invoke("pulumi:pulumi:readStackOutputs", &name, &found); err != nil {
		return lastDeployment{}, fmt.Errorf("read what the last deployment left: %w", err)
	}
	key, _ := found.Outputs[outputEncryptionKey].(string)
	addresses, _ := found.Outputs[outputEgressIPs].([]any)
	return lastDeployment{encryptionKey: key, addresses: len(addresses)}, nil
}

// leaves says which addresses this deployment takes out of use, and how: the engine refuses to let go of what is protected.
func (c config) leaves(last lastDeployment, project, stack string) string {
	made := 0
	if !c.network.own() && len(c.network.eipAllocationIDs) == 0 {
		made = c.network.addresses()
	}
	if made >= last.addresses {
		return ""
	}
	text := "An address that is registered with Aligo goes out of use. If the stack made it, it is protected, and pulumi refuses the " +
		"deployment until you have said:"
	for i := made; i < last.addresses; i++ {
		text += fmt.Sprintf("\n   pulumi state unprotect 'urn:pulumi:%s::%s::sms-api:index:Network$aws:ec2/eip:Eip::%s-%s'", stack, project,
			c.prefix, numbered("egress", i))
	}
	return text + fmt.Sprintf("\nIt stays with AWS (%.2f USD a month) until aws ec2 release-address --allocation-id ...",
		price.Seoul()[price.AddressHours].Of(price.HoursPerMonth))
}

// follows says what cannot follow the last deployment, with the way to do it.
func (c config) follows(last lastDeployment) error {
	var errs []error
	if e := c.encryption; last.encryptionKey != "" && last.encryptionKey != keyOfAWS && last.encryptionKey != e.key &&
		!slices.Contains(e.former, last.encryptionKey) {
		errs = append(errs, fmt.Errorf("encryption:key: messages under way, histories, logs, dead letters and parameters are encrypted with "+
			"the key that it named before, and nobody could read them. Keep that key, and then deploy:\n"+
			"   pulumi config set --path 'encryption:formerKeys[%d]' %s", len(e.former), last.encryptionKey))
	}
	return errors.Join(errs...)
}
