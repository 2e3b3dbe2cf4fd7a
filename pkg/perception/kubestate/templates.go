package kubestate

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/upgrade"
)

// template returns what a pod is made of, and what it needs by name.
func template(labels map[string]string, annotations objects.PodAnnotations, spec *objects.PodSpec) (upgrade.PodTemplate, upgrade.Dependencies) {
	out := upgrade.PodTemplate{Labels: labels, NodeSelector: spec.NodeSelector, PriorityClass: spec.PriorityClassName, ServiceAccount: spec.ServiceAccount,
		HostNetwork: spec.HostNetwork, Holds: holds(annotations)}
	if spec.GracePeriod != nil {
		seconds := int(*spec.GracePeriod)
		out.GracePeriod = &seconds
	}
	n := needs{}
	for i := range spec.Containers {
		out.Containers = append(out.Containers, container(&spec.Containers[i], false))
		n.container(&spec.Containers[i])
		for _, port := range spec.Containers[i].Ports {
			if port.HostPort != 0 {
				out.HostPorts = append(out.HostPorts, int(port.HostPort))
			}
		}
	}
	for i := range spec.InitContainers {
		policy := spec.InitContainers[i].RestartPolicy
		out.InitContainers = append(out.InitContainers, container(&spec.InitContainers[i], policy != nil && *policy == "Always"))
		n.container(&spec.InitContainers[i])
	}
	for _, v := range spec.Volumes {
		n.volume(v.VolumeSource)
		switch plugin := v.InTree(); {
		case v.HostPath != nil:
			out.HostPaths = append(out.HostPaths, v.HostPath.Path)
		case v.EmptyDir != nil && v.EmptyDir.Medium != "Memory":
			out.EmptyDirs = append(out.EmptyDirs, v.Name)
		case v.Claim != nil:
			out.Claims = append(out.Claims, v.Claim.ClaimName)
		case v.Ephemeral != nil: // each pod gets a claim of its own
			out.Claims = append(out.Claims, v.Name)
		case plugin != "":
			out.InTreeVolumes = append(out.InTreeVolumes, plugin+" "+v.Name)
		}
	}
	for _, secret := range spec.ImagePullSecrets {
		n.add(&n.secrets, secret.Name)
	}
	for _, t := range spec.Tolerations {
		out.Tolerations = append(out.Tolerations, upgrade.Toleration{Key: t.Key, Operator: t.Operator, Value: t.Value, Effect: t.Effect})
	}
	for _, s := range spec.Spread {
		out.Spread = append(out.Spread, s.TopologyKey)
	}
	if a := spec.Affinity; a != nil && a.PodAntiAffinity != nil {
		out.RequiredAnti = len(a.PodAntiAffinity.Required) > 0
		for _, term := range a.PodAntiAffinity.Required {
			out.AntiAffinity = append(out.AntiAffinity, term.TopologyKey)
		}
		for _, term := range a.PodAntiAffinity.Preferred {
			out.AntiAffinity = append(out.AntiAffinity, term.Term.TopologyKey)
		}
	}
	return out, n.dependencies()
}

// holds returns the annotations that keep a node from going.
func holds(annotations objects.PodAnnotations) []string {
	var out []string
	for key, value := range annotations {
		if key != objects.Mirror && (value == "true") != strings.HasSuffix(key, "safe-to-evict") {
			out = append(out, key+"="+value)
		}
	}
	slices.Sort(out)
	return out
}

func container(c *objects.Container, sidecar bool) upgrade.Container {
	return upgrade.Container{Name: c.Name, Image: c.Image, Flags: flags(c), ReadinessProbe: c.ReadinessProbe != nil, LivenessProbe: c.LivenessProbe != nil,
		StartupProbe: c.StartupProbe != nil, Sidecar: sidecar, CPU: c.Resources.Requests["cpu"].Milli(), Memory: c.Resources.Requests["memory"].Value()}
}

// Bounds of the flags that are kept.
const (
	maxFlags      = 60
	maxFlagLength = 200
)

// secretName are names of flags and variables whose values may be secret.
var secretName = regexp.MustCompile(`(?i)token|secret|passw|pwd|credential|auth|key|private|cert|dsn|conn`)

// valued are flags whose value is kept when it is an argument of its own, too.
// Of others it is not known whether the next argument is their value or
// anybody's text.
var valued = []string{"--policy", "--provider", "--registry", "--txt-owner-id", "--txt-prefix", "--txt-suffix", "--cluster-name", "--feature-gates", "--proxy-mode"}

// flags returns the flags of a container's command and arguments, without
// values that may be secret.
func flags(c *objects.Container) []string {
	var out []string
	for _, arguments := range [][]string{c.Command, c.Args} {
		for i, argument := range arguments {
			if len(argument) < 2 || argument[0] != '-' || strings.ContainsAny(argument, " \n\t") || len(out) == maxFlags {
				continue
			}
			if slices.Contains(valued, argument) && i+1 < len(arguments) && !strings.HasPrefix(arguments[i+1], "-") && !strings.ContainsAny(arguments[i+1], " \n\t") {
				argument += "=" + arguments[i+1]
			}
			name, value, has := strings.Cut(argument, "=")
			if len(name) > maxFlagLength {
				continue
			}
			if has && !secretName.MatchString(name) && !strings.ContainsAny(value, "@") && len(argument) <= maxFlagLength {
				name += "=" + value
			}
			out = append(out, name)
		}
	}
	return out
}

// needs gathers what a pod needs by name.
type needs struct{ configMaps, secrets, classes, hosts map[string]bool }

func (*needs) add(to *map[string]bool, name string) {
	if name == "" {
		return
	}
	if *to == nil {
		*to = map[string]bool{}
	}
	(*to)[name] = true
}

func (n *needs) reference(to *map[string]bool, r *objects.KeyReference) {
	if r != nil {
		n.add(to, r.Name)
	}
}

func (n *needs) container(c *objects.Container) {
	for _, e := range c.EnvFrom {
		n.reference(&n.configMaps, e.ConfigMapRef)
		n.reference(&n.secrets, e.SecretRef)
	}
	for _, e := range c.Env {
		if e.ValueFrom != nil {
			n.reference(&n.configMaps, e.ValueFrom.ConfigMapKeyRef)
			n.reference(&n.secrets, e.ValueFrom.SecretKeyRef)
		}
		n.findHosts(e.Value, secretName.MatchString(e.Name))
	}
	for _, arguments := range [][]string{c.Command, c.Args} {
		for _, argument := range arguments {
			name, value, has := strings.Cut(argument, "=")
			if !has {
				name, value = "", argument
			}
			n.findHosts(value, secretName.MatchString(name))
		}
	}
}

func (n *needs) volume(v objects.VolumeSource) {
	n.reference(&n.configMaps, v.ConfigMap)
	if v.Secret != nil {
		n.add(&n.secrets, v.Secret.SecretName)
	}
	if v.Projected != nil {
		for _, source := range v.Projected.Sources {
			n.reference(&n.configMaps, source.ConfigMap)
			n.reference(&n.secrets, source.Secret)
		}
	}
	if v.CSI != nil && v.CSI.Driver == "secrets-store.csi.k8s.io" {
		n.add(&n.classes, v.CSI.Attributes["secretProviderClass"])
	}
}

func (n *needs) findHosts(text string, secret bool) {
	for _, host := range hosts(text, secret) {
		n.add(&n.hosts, host)
	}
}

func (n *needs) dependencies() upgrade.Dependencies {
	sorted := func(m map[string]bool) []string { return slices.Sorted(maps.Keys(m)) }
	return upgrade.Dependencies{ConfigMaps: sorted(n.configMaps), Secrets: sorted(n.secrets), SecretClasses: sorted(n.classes), Hosts: sorted(n.hosts)}
}
