package provision

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
)

// fieldManager owns what is applied; deliveries of the execute phase have the
// same one, so that neither takes the other's fields for a conflict.
const fieldManager = "eks-upgrade-agent"

// Maker is Kubernetes by the caller's credentials.
type Maker struct {
	EKS       kube.EKSDescriber
	STS       *sts.Client
	Presigner kube.STSPresigner
	Limits    kube.Limits
}

// Caller implements Kubernetes.
func (m Maker) Caller(ctx context.Context) (string, error) {
	out, err := m.STS.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", awserr.Wrap("find out who the caller is", err)
	}
	return aws.ToString(out.Arn), nil
}

// Apply implements Kubernetes.
func (m Maker) Apply(ctx context.Context, cluster string, objects []map[string]any) error {
	client, err := kube.Connect(ctx, m.EKS, m.Presigner, cluster, m.Limits)
	if err != nil {
		return err
	}
	for _, o := range objects {
		if _, err := client.Apply(ctx, &unstructured.Unstructured{Object: o}, fieldManager, true); err != nil {
			return err
		}
	}
	return nil
}
