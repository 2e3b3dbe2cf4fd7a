package eks

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"sigs.k8s.io/yaml"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/wire"
)

// The schemas of configuration values: those members of AWS's own schemas that
// people use most.
const (
	podMembers = `"affinity":{"type":["object","null"]},"tolerations":{"type":"array","items":{"type":"object"}},"nodeSelector":{"type":"object","additionalProperties":{"type":"string"}},` +
		`"podAnnotations":{"type":"object"},"podLabels":{"type":"object"},"resources":{"$ref":"#/definitions/Resources"}`
	resourcesDefinition = `"definitions":{"Resources":{"type":["object","null"],"additionalProperties":false,"properties":{"limits":{"type":"object"},"requests":{"type":"object"}}}}`
	schemaHead          = `{"$schema":"http://json-schema.org/draft-06/schema#","type":"object",`

	corednsSchema = schemaHead + `"additionalProperties":false,"properties":{` + podMembers + `,"computeType":{"type":"string"},"corefile":{"type":"string"},` +
		`"replicaCount":{"type":"integer"},"podDisruptionBudget":{"type":["object","null"]},"topologySpreadConstraints":{"type":["array","null"]},` +
		`"autoScaling":{"type":"object","additionalProperties":false,"properties":{"enabled":{"type":"boolean"},"minReplicas":{"type":"integer","minimum":2,"maximum":1000},"maxReplicas":{"type":"integer","minimum":2,"maximum":1000}}}},` + resourcesDefinition + `}`
	vpcCNISchema = schemaHead + `"additionalProperties":false,"properties":{` + podMembers + `,"enableNetworkPolicy":{"type":"string","enum":["true","false"]},"enableWindowsIpam":{"type":"string","enum":["true","false"]},` +
		`"enableWindowsPrefixDelegation":{"type":"string","enum":["true","false"]},"env":{"type":"object","additionalProperties":{"type":"string"}},"init":{"type":"object"},"nodeAgent":{"type":"object"},"eniConfig":{"type":"object"},` +
		`"warmWindowsPrefixTarget":{"type":"string"},"warmWindowsIPTarget":{"type":"string"},"minimumWindowsIPTarget":{"type":"string"},"livenessProbeTimeoutSeconds":{"type":"integer"},"readinessProbeTimeoutSeconds":{"type":"integer"}},` + resourcesDefinition + `}`
	kubeProxySchema  = schemaHead + `"additionalProperties":false,"properties":{` + podMembers + `,"mode":{"type":"string","enum":["iptables","ipvs","nftables"]},"ipvs":{"type":"object","additionalProperties":false,"properties":{"scheduler":{"type":"string"}}}},` + resourcesDefinition + `}`
	csiSchema        = schemaHead + `"additionalProperties":false,"properties":{"controller":{"type":"object"},"node":{"type":"object"},"sidecars":{"type":"object"},"defaultStorageClass":{"type":"object","properties":{"enabled":{"type":"boolean"}}},"replicaCount":{"type":"integer"},"fips":{"type":"boolean"},"useOldCSIDriver":{"type":"boolean"}}}`
	deploymentSchema = schemaHead + `"additionalProperties":false,"properties":{` + podMembers + `,"replicas":{"type":"integer"},"replicaCount":{"type":"integer"},"podDisruptionBudget":{"type":"object"},"updateStrategy":{"type":"object"},` +
		`"topologySpreadConstraints":{"type":"array"},"args":{"type":"array","items":{"type":"string"}},"extraArgs":{"type":"array","items":{"type":"string"}}},` + resourcesDefinition + `}`
	agentSchema = schemaHead + `"additionalProperties":false,"properties":{` + podMembers + `,"agent":{"type":"object"},"daemonsets":{"type":"object"},"priorityClassName":{"type":"string"},"monitoringAgent":{"type":"object"},"dcgmAgent":{"type":"object"}},` + resourcesDefinition + `}`
	openSchema  = schemaHead + `"additionalProperties":true}`
)

// DescribeAddonConfiguration returns the schema of an add-on's configuration
// values and its service accounts.
func (s *Service) DescribeAddonConfiguration(_ *wire.Call, in *sdk.DescribeAddonConfigurationInput) (*sdk.DescribeAddonConfigurationOutput, error) {
	if err := required("addonName", in.AddonName, "addonVersion", in.AddonVersion); err != nil {
		return nil, err
	}
	info, ok := addonCatalog[*in.AddonName]
	if !ok {
		return nil, &types.ResourceNotFoundException{AddonName: in.AddonName, Message: ptr(fmt.Sprintf("Addon %s not found", *in.AddonName))}
	}
	if _, ok := info.find(*in.AddonVersion); !ok {
		return nil, &types.InvalidParameterException{AddonName: in.AddonName, Message: ptr("Addon version specified is not supported")}
	}
	out := &sdk.DescribeAddonConfigurationOutput{AddonName: in.AddonName, AddonVersion: in.AddonVersion, ConfigurationSchema: ptr(info.schema)}
	for _, a := range info.accounts {
		out.PodIdentityConfiguration = append(out.PodIdentityConfiguration, types.AddonPodIdentityConfiguration{ServiceAccount: ptr(a.name), RecommendedManagedPolicies: []string{a.policy}})
	}
	return out, nil
}

// checkConfiguration validates configuration values, JSON or YAML, against the
// add-on's schema, and returns them as JSON.
func checkConfiguration(c *cluster, addon, values *string) (asJSON string, err error) {
	text := value(values)
	if strings.TrimSpace(text) == "" {
		return "", nil
	}
	converted, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return "", invalidAddon(c, addon, "ConfigurationValue provided in request is neither valid JSON nor valid YAML")
	}
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(string(converted)))
	if err != nil {
		return "", invalidAddon(c, addon, "ConfigurationValue provided in request is neither valid JSON nor valid YAML")
	}
	schema, err := compiled(addonCatalog[*addon].schema)
	if err != nil {
		return "", err
	}
	var failed *jsonschema.ValidationError
	switch err := schema.Validate(instance); {
	case errors.As(err, &failed):
		return "", invalidAddon(c, addon, "ConfigurationValue provided in request is not supported: Json schema validation failed with error: [%s]", strings.Join(violations(failed), ", "))
	case err != nil:
		return "", fmt.Errorf("eks: schema of %s: %w", *addon, err)
	}
	return string(converted), nil
}

func compiled(text string) (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("eks: schema: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("values.json", document); err != nil {
		return nil, fmt.Errorf("eks: schema: %w", err)
	}
	schema, err := compiler.Compile("values.json")
	if err != nil {
		return nil, fmt.Errorf("eks: schema: %w", err)
	}
	return schema, nil
}

// violations words what is wrong as EKS does: "$.replicaCount: string found,
// integer expected".
func violations(e *jsonschema.ValidationError) []string {
	if len(e.Causes) > 0 {
		var out []string
		for _, cause := range e.Causes {
			out = append(out, violations(cause)...)
		}
		slices.Sort(out)
		return out
	}
	path := "$"
	for _, p := range e.InstanceLocation {
		path += "." + p
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		return []string{fmt.Sprintf("%s: %s found, %s expected", path, k.Got, strings.Join(k.Want, " or "))}
	case *kind.AdditionalProperties:
		var out []string
		for _, p := range k.Properties {
			out = append(out, fmt.Sprintf("%s.%s: is not defined in the schema and the schema does not allow additional properties", path, p))
		}
		slices.Sort(out)
		return out
	case *kind.Enum:
		return []string{fmt.Sprintf("%s: does not have a value in the enumeration %v", path, k.Want)}
	}
	return []string{path + ": " + e.ErrorKind.LocalizedString(message.NewPrinter(language.English))}
}
