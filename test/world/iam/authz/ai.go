package authz

import (
	"regexp"
	"strings"
)

func trimScheme(url string) string {
	return strings.TrimSuffix(strings.TrimPrefix(url, "https://"), "/")
}

// profileID is the id of a cross-region inference profile.
var profileID = regexp.MustCompile(`^(us|us-gov|eu|apac|au|jp|ca|global)\.`)

// model is the ARN of a foundation model, or of an inference profile, whose
// models are needed in its regions too.
func model(r Request) []string {
	id := r.text("ModelId")
	if strings.HasPrefix(id, "arn:") {
		return []string{id}
	}
	if m := profileID.FindString(id); m != "" {
		return []string{r.arn("bedrock", "inference-profile/"+id), "arn:aws:bedrock:" + r.Region + "::foundation-model/" + strings.TrimPrefix(id, m)}
	}
	return []string{"arn:aws:bedrock:" + r.Region + "::foundation-model/" + id}
}

// guarded needs the guardrail of the request as well.
func guarded(action string) Rule {
	return and(on(action, model), when("GuardrailConfig.GuardrailIdentifier",
		on("bedrock:ApplyGuardrail", arn("bedrock:guardrail/{GuardrailConfig.GuardrailIdentifier}"))))
}

var bedrock = map[string]Rule{
	"Converse": guarded("bedrock:InvokeModel"), "InvokeModel": on("bedrock:InvokeModel", model),
	"ConverseStream": guarded("bedrock:InvokeModelWithResponseStream"), "InvokeModelWithResponseStream": on("bedrock:InvokeModelWithResponseStream", model),
	"CountTokens":    on("bedrock:CountTokens", model),
	"ApplyGuardrail": on("bedrock:ApplyGuardrail", arn("bedrock:guardrail/{GuardrailIdentifier}")),
}

var comprehend = merge(
	map[string]Rule{"ClassifyDocument": on("comprehend:ClassifyDocument", field("EndpointArn"))},
	same("comprehend", anything, "DetectEntities", "DetectKeyPhrases", "DetectSentiment", "DetectDominantLanguage", "DetectSyntax", "DetectPiiEntities",
		"DetectTargetedSentiment", "DetectToxicContent", "ContainsPiiEntities", "BatchDetectEntities", "BatchDetectKeyPhrases", "BatchDetectSentiment",
		"BatchDetectDominantLanguage", "BatchDetectSyntax", "BatchDetectTargetedSentiment"),
)

var rds = map[string]Rule{
	"DescribeDBInstances":               on("rds:DescribeDBInstances", arn("rds:db:{DBInstanceIdentifier}")),
	"DescribeDBClusters":                on("rds:DescribeDBClusters", arn("rds:cluster:{DBClusterIdentifier}")),
	"DescribeDBClusterEndpoints":        on("rds:DescribeDBClusterEndpoints", arn("rds:cluster-endpoint:{DBClusterEndpointIdentifier}")),
	"DescribePendingMaintenanceActions": on("rds:DescribePendingMaintenanceActions", field("ResourceIdentifier")),
	"DescribeDBSubnetGroups":            on("rds:DescribeDBSubnetGroups", arn("rds:subgrp:{DBSubnetGroupName}")),
	"ListTagsForResource":               on("rds:ListTagsForResource", field("ResourceName")),
}

var elasticache = map[string]Rule{
	"DescribeCacheClusters":     on("elasticache:DescribeCacheClusters", arn("elasticache:cluster:{CacheClusterId}")),
	"DescribeReplicationGroups": on("elasticache:DescribeReplicationGroups", arn("elasticache:replicationgroup:{ReplicationGroupId}")),
	"DescribeServerlessCaches":  on("elasticache:DescribeServerlessCaches", arn("elasticache:serverlesscache:{ServerlessCacheName}")),
	"DescribeCacheSubnetGroups": on("elasticache:DescribeCacheSubnetGroups", arn("elasticache:subnetgroup:{CacheSubnetGroupName}")),
	"ListTagsForResource":       on("elasticache:ListTagsForResource", field("ResourceName")),
}
