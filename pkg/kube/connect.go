// Package kube speaks to the API server of an EKS cluster. It carries no typed
// clientset and no discovery client: those pull every API group into the
// binary and start slowly in a Lambda.
package kube

import (
	"context"
	"encoding/base64"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eks"
	"k8s.io/client-go/rest"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// EKSDescriber finds the API server of a cluster.
type EKSDescriber interface {
	DescribeCluster(context.Context, *eks.DescribeClusterInput, ...func(*eks.Options)) (*eks.DescribeClusterOutput, error)
}

// Connect returns a client for the EKS cluster. Nothing is sent to its API
// server yet. A cluster that EKS does not know is NotFound; one that has no
// endpoint yet is Unavailable.
func Connect(ctx context.Context, describer EKSDescriber, presigner STSPresigner, cluster string, limits Limits) (*Client, error) {
	op := "connect to cluster " + cluster
	out, err := describer.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &cluster})
	if err != nil {
		return nil, awserr.Wrap(op, err)
	}
	if out.Cluster == nil || out.Cluster.Endpoint == nil || out.Cluster.CertificateAuthority == nil || out.Cluster.CertificateAuthority.Data == nil {
		return nil, upgrade.KindKubernetesNotReady.Errorf(op, "EKS has no endpoint for it yet").WithRemedy("wait until the cluster is ACTIVE")
	}
	authority, err := base64.StdEncoding.DecodeString(*out.Cluster.CertificateAuthority.Data)
	if err != nil {
		return nil, upgrade.KindKubernetesUnexpected.Errorf(op, "the certificate authority that EKS gave is not base64: %w", err)
	}
	tokens := newTokenSource(presigner, cluster)
	config := &rest.Config{
		Host:            *out.Cluster.Endpoint,
		TLSClientConfig: rest.TLSClientConfig{CAData: authority},
		WrapTransport:   func(next http.RoundTripper) http.RoundTripper { return &tokenTransport{tokens: tokens, next: next} },
	}
	return New(config, cluster, limits)
}

const userAgent = "eks-upgrade-agent"

// Limits of one client; all are needed. EKS's priority and fairness gives a
// single client far more than the usual ones; they keep the agent from crowding
// out others.
type Limits struct {
	QPS, Burst int           // requests a second, and at once; 50 and 100 are usual
	Timeout    time.Duration // of one request; 60s is usual
}
