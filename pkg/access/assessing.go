package access

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Assessing returns what a person needs for `eks-upgrade assess --cluster`: what
// the perceive phase may read in AWS, and nothing of the agent's own.
func Assessing(n Names) []Statement {
	return slices.Concat([]Statement{wide("says which clusters there are instead of one that is not there", "the list belongs to no cluster", "eks:ListClusters")}, clusterAndNodes(n), around(n))
}

// AnyCluster are names of all clusters of whatever account a policy is put into.
func AnyCluster() Names {
	return Names{Partition: "aws", Account: "*", Region: "*", Clusters: []string{"*"}}
}

// AssessingPolicy returns docs/assess-policy.json: Assessing as an IAM policy for
// any cluster.
func AssessingPolicy() string {
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(Document(Assessing(AnyCluster()))), "", "  "); err != nil {
		panic("access: " + err.Error()) // it was made by Document
	}
	return out.String() + "\n"
}
