package kube_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

func TestErrorsOfAPIServersHaveKinds(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	for name, c := range map[string]struct {
		err  error
		want upgrade.Kind
	}{
		"too many requests": {apierrors.NewTooManyRequests("slow", 1), upgrade.KindKubernetesThrottled},
		"nobody known":      {apierrors.NewUnauthorized("who"), upgrade.KindKubernetesUnauthorized},
		"not allowed":       {apierrors.NewForbidden(pods, "web", errors.New("no")), upgrade.KindKubernetesForbidden},
		"not there":         {apierrors.NewNotFound(pods, "web"), upgrade.KindKubernetesNotFound},
		"there already":     {apierrors.NewAlreadyExists(pods, "web"), upgrade.KindKubernetesConflict},
		"changed meanwhile": {apierrors.NewConflict(pods, "web", errors.New("no")), upgrade.KindKubernetesConflict},
		"invalid":           {apierrors.NewInvalid(schema.GroupKind{Kind: "Pod"}, "web", nil), upgrade.KindKubernetesInvalid},
		"a bad request":     {apierrors.NewBadRequest("no"), upgrade.KindKubernetesInvalid},
		"an expired list":   {apierrors.NewResourceExpired("old"), upgrade.KindKubernetesUnavailable},
		"an error inside":   {apierrors.NewInternalError(errors.New("etcd")), upgrade.KindKubernetesUnavailable},
		"a timeout":         {apierrors.NewServerTimeout(pods, "list", 1), upgrade.KindKubernetesUnavailable},
		"half an answer":    {fmt.Errorf("read: %w", io.ErrUnexpectedEOF), upgrade.KindKubernetesUnavailable},
		"a teapot":          {&apierrors.StatusError{ErrStatus: metav1.Status{Code: 418}}, upgrade.KindKubernetesUnexpected},
		"anything else":     {errors.New("odd"), upgrade.KindKubernetesUnexpected},
	} {
		got := kube.Wrap("list pods", fmt.Errorf("call: %w", c.err))
		if upgrade.KindOf(got) != c.want || upgrade.CodeOf(got) != c.want.Definition().Code || !errors.Is(got, c.err) {
			t.Errorf("%s: kind %s, code %s, want %s", name, upgrade.KindOf(got), upgrade.CodeOf(got), c.want)
		}
	}
	want := upgrade.Details{"status": "403", "reason": "Forbidden", "object": "pods/web"}
	if got := upgrade.DetailsOf(kube.Wrap("x", apierrors.NewForbidden(pods, "web", errors.New("no")))); !maps.Equal(got, want) {
		t.Errorf("details %v, want %v", got, want)
	}
}
