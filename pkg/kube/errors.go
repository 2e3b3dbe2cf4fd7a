package kube

import (
	"errors"
	"net"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/awserr"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// kinds says which kind of error a code is, when an API server is who answered.
var kinds = map[upgrade.Code]upgrade.Kind{
	upgrade.CodeThrottled:        upgrade.KindKubernetesThrottled,
	upgrade.CodePermissionDenied: upgrade.KindKubernetesForbidden,
	upgrade.CodeNotFound:         upgrade.KindKubernetesNotFound,
	upgrade.CodeConflict:         upgrade.KindKubernetesConflict,
	upgrade.CodeUnavailable:      upgrade.KindKubernetesUnavailable,
	upgrade.CodeInternal:         upgrade.KindKubernetesUnexpected,
}

// Wrap returns an error of a Kubernetes client as an *upgrade.Error of the kind
// that fits, with the API server's own reason in its details; op says what was
// being done. nil stays nil, and an error that has a code already keeps it.
func Wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	var own *upgrade.Error
	if errors.As(err, &own) {
		return err
	}
	e := kindOf(err).Errorf(op, "%w", err)
	if why, remedy := unreached(err); why != "" {
		e = upgrade.KindKubernetesUnavailable.Errorf(op, "%s: %w", why, err).WithRemedy(remedy)
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		s := status.Status()
		e.With("status", s.Code).With("reason", s.Reason)
		if s.Details != nil && s.Details.Kind != "" {
			e.With("object", s.Details.Kind+"/"+s.Details.Name)
		}
	}
	return e
}

// unreached says of an API server that no connection was made to why that may
// be: of a cluster with a private endpoint only, the name resolves everywhere, to
// addresses that only its network reaches. Source:
// https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html
func unreached(err error) (why, remedy string) {
	var name *net.DNSError
	if errors.As(err, &name) && name.IsNotFound {
		return "the name of the API server's endpoint is not known here", "see that the cluster exists and that names resolve: aws eks describe-cluster --name NAME --query cluster.endpoint"
	}
	var dial *net.OpError
	if !errors.As(err, &dial) || dial.Op != "dial" {
		return "", ""
	}
	if address, ok := dial.Addr.(*net.TCPAddr); ok && address.IP.IsPrivate() {
		return "the API server has a private endpoint (" + address.IP.String() + ") that cannot be reached from here",
			"run this where the cluster's VPC is reached: a VPN or a host in it, or the deployed agent with vpc in deploy.yaml and a security group that the cluster lets in on port 443; or let the endpoint be public for your address"
	}
	return "", ""
}

func kindOf(err error) upgrade.Kind {
	var status apierrors.APIStatus
	switch {
	case errors.As(err, &status) && status.Status().Code != 0:
		return kindOfStatus(int(status.Status().Code))
	case loginFailed(err):
		return upgrade.KindKubernetesUnauthorized
	case expired(err), awserr.Unanswered(err):
		return upgrade.KindKubernetesUnavailable
	}
	return upgrade.KindKubernetesUnexpected
}

// kindOfStatus adds what only API servers mean by a status.
func kindOfStatus(status int) upgrade.Kind {
	switch status {
	case http.StatusUnauthorized:
		return upgrade.KindKubernetesUnauthorized
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return upgrade.KindKubernetesInvalid
	case http.StatusGone:
		return upgrade.KindKubernetesUnavailable
	}
	return kinds[awserr.CodeOfStatus(status)]
}

// loginFailed reports whether the command of a kubeconfig that makes tokens
// failed; client-go has no type for that. Source:
// https://github.com/kubernetes/client-go/blob/master/plugin/pkg/client/auth/exec/exec.go
func loginFailed(err error) bool { return strings.Contains(err.Error(), "getting credentials: ") }

// expired reports whether the server no longer has the version of the list
// that a continue token names.
func expired(err error) bool { return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) }
