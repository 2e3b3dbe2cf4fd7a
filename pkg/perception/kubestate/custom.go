package kubestate

import (
	"net/url"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/logging"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// Custom resources come as JSON, and what is in them is only as good as their
// schemas: a field of another type fails the list, which is then not checked.

// targetGroupBinding is of elbv2.k8s.aws. Source:
// https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/targetgroupbinding/spec/
type targetGroupBinding struct {
	objects.ObjectMeta `json:"metadata"`
	Spec               struct {
		TargetGroupARN string `json:"targetGroupARN"`
		TargetType     string `json:"targetType"`
		ServiceRef     struct {
			Name string `json:"name"`
		} `json:"serviceRef"`
		MultiCluster bool `json:"multiClusterTargetGroup"`
	} `json:"spec"`
}

func targetGroupBindingIn(apiVersion string) func(*targetGroupBinding) (upgrade.TargetGroupBinding, bool) {
	return func(b *targetGroupBinding) (upgrade.TargetGroupBinding, bool) {
		out := upgrade.TargetGroupBinding{Object: ref(apiVersion, "TargetGroupBinding", &b.ObjectMeta), TargetGroupARN: b.Spec.TargetGroupARN, Service: b.Spec.ServiceRef.Name,
			TargetType: b.Spec.TargetType, MultiCluster: b.Spec.MultiCluster}
		for label := range b.Labels {
			out.Controlled = out.Controlled || ofStack(label)
		}
		return out, true
	}
}

// ofStack reports whether a label names the Ingress, Service or Gateway that a
// controller made the object for: "ingress.k8s.aws/stack" of the AWS Load Balancer
// Controller, "service.eks.amazonaws.com/stack" of Auto Mode, "gateway.k8s.aws.alb/stack-name".
func ofStack(label string) bool {
	domain, name, _ := strings.Cut(label, "/")
	kind, domain, _ := strings.Cut(domain, ".")
	return slices.Contains([]string{"stack", "stack-name", "stack-namespace"}, name) && slices.Contains([]string{"ingress", "service", "gateway"}, kind) &&
		(domain == "eks.amazonaws.com" || domain == "k8s.aws" || strings.HasPrefix(domain, "k8s.aws."))
}

// application is of Argo CD. Source:
// https://argo-cd.readthedocs.io/en/stable/user-guide/application-specification/
type application struct {
	objects.ObjectMeta `json:"metadata"`
	Spec               struct {
		Source      *applicationSource  `json:"source"`
		Sources     []applicationSource `json:"sources"`
		Destination struct {
			Server    string `json:"server"`
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"destination"`
	} `json:"spec"`
	Status struct {
		Sync struct {
			Status string `json:"status"`
		} `json:"sync"`
		Health struct {
			Status string `json:"status"`
		} `json:"health"`
	} `json:"status"`
}

type applicationSource struct {
	RepoURL        string `json:"repoURL"`
	Path           string `json:"path"`
	Chart          string `json:"chart"`
	TargetRevision string `json:"targetRevision"`
}

// applicationIn returns one entry for each source of an Application.
func applicationIn(apiVersion string) func(*application) ([]upgrade.GitOpsSource, bool) {
	return func(a *application) ([]upgrade.GitOpsSource, bool) {
		sources := a.Spec.Sources
		if a.Spec.Source != nil {
			sources = append(sources, *a.Spec.Source)
		}
		if len(sources) == 0 {
			sources = []applicationSource{{}}
		}
		var out []upgrade.GitOpsSource
		for _, s := range sources {
			server := a.Spec.Destination.Server
			if server == "" {
				server = a.Spec.Destination.Name
			}
			out = append(out, upgrade.GitOpsSource{Tool: "argocd", Object: ref(apiVersion, "Application", &a.ObjectMeta), URL: withoutCredentials(s.RepoURL), Path: s.Path, Chart: s.Chart,
				Revision: s.TargetRevision, Namespace: a.Spec.Destination.Namespace, Server: server, Suspended: a.Annotations["argocd.argoproj.io/skip-reconcile"] == "true",
				Healthy: a.Status.Sync.Status == "Synced" && a.Status.Health.Status == "Healthy",
				Status:  strings.TrimPrefix(strings.TrimSuffix(a.Status.Sync.Status+", "+a.Status.Health.Status, ", "), ", ")})
		}
		return out, true
	}
}

// withoutCredentials returns a URL without user and password.
func withoutCredentials(raw string) string {
	if u, err := url.Parse(raw); err == nil && u.Scheme != "" {
		u.User, u.RawQuery, u.Fragment = nil, "", ""
		return u.String()
	}
	if before, after, found := strings.Cut(raw, "@"); found && strings.Contains(before, ":") {
		return after
	}
	return raw // git@github.com:owner/repository
}

// fluxObject is a Kustomization, a HelmRelease or a source of Flux. Sources:
// https://fluxcd.io/flux/components/kustomize/kustomizations/,
// https://fluxcd.io/flux/components/helm/helmreleases/,
// https://fluxcd.io/flux/components/source/
type fluxObject struct {
	objects.ObjectMeta `json:"metadata"`
	Spec               struct {
		URL             string         `json:"url"`
		Path            string         `json:"path"`
		TargetNamespace string         `json:"targetNamespace"`
		Suspend         bool           `json:"suspend"`
		SourceRef       *fluxReference `json:"sourceRef"`
		ChartRef        *fluxReference `json:"chartRef"`
		Chart           *struct {
			Spec struct {
				Chart     string         `json:"chart"`
				Version   string         `json:"version"`
				SourceRef *fluxReference `json:"sourceRef"`
			} `json:"spec"`
		} `json:"chart"`
	} `json:"spec"`
	Status struct {
		Conditions []struct {
			Type    string `json:"type"`
			Status  string `json:"status"`
			Message string `json:"message"`
		} `json:"conditions"`
		LastAppliedRevision string `json:"lastAppliedRevision"`
	} `json:"status"`
}

type fluxReference struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// fluxSource is what a Flux object takes from a source that is another object.
type fluxSource struct {
	upgrade.GitOpsSource
	from name // GitRepository ...
}

func fluxIn(apiVersion, kind string) func(*fluxObject) (fluxSource, bool) {
	return func(f *fluxObject) (fluxSource, bool) {
		out := fluxSource{GitOpsSource: upgrade.GitOpsSource{Tool: "flux", Object: ref(apiVersion, kind, &f.ObjectMeta), URL: withoutCredentials(f.Spec.URL), Path: f.Spec.Path,
			Revision: f.Status.LastAppliedRevision, Namespace: f.Spec.TargetNamespace, Suspended: f.Spec.Suspend}}
		from := f.Spec.SourceRef
		if f.Spec.ChartRef != nil {
			from = f.Spec.ChartRef
		}
		if c := f.Spec.Chart; c != nil {
			out.Chart, out.Revision, from = c.Spec.Chart, c.Spec.Version, c.Spec.SourceRef
		}
		if from != nil {
			out.from = name{from.Kind, or(&from.Namespace, f.Namespace), from.Name}
		}
		for _, c := range f.Status.Conditions {
			if c.Type == "Ready" {
				out.Healthy = c.Status == objects.True
				out.Status = logging.Line(c.Message, maxExpression)
			}
		}
		return out, true
	}
}

// joinFlux gives each Flux object the URL of its source.
func joinFlux(all, sources []fluxSource) []upgrade.GitOpsSource {
	urls := map[name]string{}
	for _, s := range sources {
		urls[name{s.Object.Kind, s.Object.Namespace, s.Object.Name}] = s.URL
	}
	var out []upgrade.GitOpsSource
	for _, f := range all {
		f.URL = urls[f.from]
		out = append(out, f.GitOpsSource)
	}
	return out
}

// secretClass is a SecretProviderClass of the Secrets Store CSI driver. Source:
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/ascp-examples.html
type secretClass struct {
	objects.ObjectMeta `json:"metadata"`
	Spec               struct {
		Provider   string `json:"provider"`
		Parameters struct {
			Objects string `json:"objects"` // YAML
		} `json:"parameters"`
		SecretObjects []struct {
			SecretName string `json:"secretName"`
		} `json:"secretObjects"`
	} `json:"spec"`
}

// maxObjects bounds the YAML in a SecretProviderClass.
const maxObjects = 64 << 10

func secretClassIn(apiVersion string) func(*secretClass) ([]upgrade.OuterSecret, bool) {
	return func(s *secretClass) ([]upgrade.OuterSecret, bool) {
		var stored []struct {
			ObjectName string `json:"objectName"`
		}
		if len(s.Spec.Parameters.Objects) <= maxObjects && yaml.Unmarshal([]byte(s.Spec.Parameters.Objects), &stored) != nil {
			stored = nil // of another provider
		}
		names := []string{}
		for _, o := range stored {
			if o.ObjectName != "" {
				names = append(names, o.ObjectName)
			}
		}
		one := upgrade.OuterSecret{Object: ref(apiVersion, "SecretProviderClass", &s.ObjectMeta), Names: names}
		if len(s.Spec.SecretObjects) == 0 {
			return []upgrade.OuterSecret{one}, true
		}
		var out []upgrade.OuterSecret
		for _, o := range s.Spec.SecretObjects {
			one.Secret = o.SecretName
			out = append(out, one)
		}
		return out, true
	}
}

// externalSecret is of the External Secrets Operator. Source:
// https://external-secrets.io/latest/api/externalsecret/
type externalSecret struct {
	objects.ObjectMeta `json:"metadata"`
	Spec               struct {
		Target struct {
			Name string `json:"name"`
		} `json:"target"`
		Data []struct {
			RemoteRef remoteReference `json:"remoteRef"`
		} `json:"data"`
		DataFrom []struct {
			Extract *remoteReference `json:"extract"`
		} `json:"dataFrom"`
	} `json:"spec"`
}

type remoteReference struct {
	Key string `json:"key"`
}

func externalSecretIn(apiVersion string) func(*externalSecret) ([]upgrade.OuterSecret, bool) {
	return func(s *externalSecret) ([]upgrade.OuterSecret, bool) {
		names := []string{}
		for _, d := range s.Spec.Data {
			names = append(names, d.RemoteRef.Key)
		}
		for _, d := range s.Spec.DataFrom {
			if d.Extract != nil {
				names = append(names, d.Extract.Key)
			}
		}
		slices.Sort(names)
		names = slices.DeleteFunc(slices.Compact(names), func(n string) bool { return n == "" })
		return []upgrade.OuterSecret{{Object: ref(apiVersion, "ExternalSecret", &s.ObjectMeta), Secret: or(&s.Spec.Target.Name, s.Name), Names: names}}, true
	}
}
