package objects_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/objects"
	"github.com/eks-upgrade-agent/eks-upgrade-agent/pkg/kube/protobuf"
)

// official is a type of k8s.io/api.
type official interface{ Marshal() ([]byte, error) }

// pairs are the types here with the official ones that they are parts of.
var pairs = []struct {
	official official
	ours     any
}{
	{&corev1.Pod{}, &objects.Pod{}}, {&corev1.Node{}, &objects.Node{}}, {&corev1.Service{}, &objects.Service{}}, {&corev1.PersistentVolume{}, &objects.PersistentVolume{}},
	{&corev1.ReplicationController{}, &objects.ReplicationController{}}, {&corev1.ConfigMap{}, &objects.Metadata{}}, {&corev1.ServiceAccount{}, &objects.Metadata{}},
	{&appsv1.Deployment{}, &objects.Deployment{}}, {&appsv1.StatefulSet{}, &objects.StatefulSet{}}, {&appsv1.DaemonSet{}, &objects.DaemonSet{}}, {&appsv1.ReplicaSet{}, &objects.ReplicaSet{}},
	{&batchv1.Job{}, &objects.Job{}}, {&batchv1.CronJob{}, &objects.CronJob{}}, {&policyv1.PodDisruptionBudget{}, &objects.PodDisruptionBudget{}},
	{&autoscalingv2.HorizontalPodAutoscaler{}, &objects.HorizontalPodAutoscaler{}}, {&schedulingv1.PriorityClass{}, &objects.PriorityClass{}}, {&storagev1.StorageClass{}, &objects.StorageClass{}}, {&storagev1.VolumeAttachment{}, &objects.VolumeAttachment{}},
	{&discoveryv1.EndpointSlice{}, &objects.EndpointSlice{}}, {&networkingv1.Ingress{}, &objects.Ingress{}}, {&networkingv1.IngressClass{}, &objects.IngressClass{}},
	{&admissionv1.ValidatingWebhookConfiguration{}, &objects.WebhookConfiguration{}}, {&admissionv1.MutatingWebhookConfiguration{}, &objects.MutatingWebhookConfiguration{}},
	{&admissionv1.ValidatingAdmissionPolicy{}, &objects.ValidatingAdmissionPolicy{}}, {&admissionv1.ValidatingAdmissionPolicyBinding{}, &objects.PolicyBinding{}},
	{&admissionv1.MutatingAdmissionPolicy{}, &objects.MutatingAdmissionPolicy{}}, {&admissionv1.MutatingAdmissionPolicyBinding{}, &objects.PolicyBinding{}},
}

// filler makes objects that the API server could have: what has a text form of
// its own gets a valid one.
func filler(seed int64) *randfill.Filler {
	return randfill.NewWithSeed(seed).NilChance(0.3).NumElements(0, 3).MaxDepth(18).Funcs(
		func(q *resource.Quantity, c randfill.Continue) {
			*q = resource.MustParse(fmt.Sprintf("%dm", c.Intn(1<<20)))
		},
		func(s *intstr.IntOrString, c randfill.Continue) {
			*s = intstr.FromInt32(int32(c.Uint32()))
			if c.Bool() {
				*s = intstr.FromString(fmt.Sprintf("%d%%", c.Intn(100)))
			}
		},
		func(t *metav1.Time, c randfill.Continue) { *t = metav1.Unix(c.Int63n(1<<32)+1, 0) },
		func(t *metav1.MicroTime, c randfill.Continue) {
			*t = metav1.MicroTime(metav1.Unix(c.Int63n(1<<32)+1, 0))
		},
		func(f *metav1.FieldsV1, _ randfill.Continue) { f.SetRawBytes([]byte(`{"f:spec":{}}`)) },
		func(r *runtime.RawExtension, _ randfill.Continue) { r.Raw = []byte(`{}`) },
		func(s *string, c randfill.Continue) {
			*s = fmt.Sprintf("text-%d", c.Intn(40))
			if c.Intn(4) == 0 {
				*s = "karpenter.sh/do-not-disrupt" // an annotation of pods that is kept
			}
		},
	)
}

// What the two forms of one object say must be the same here, and complete as
// far as the type goes: of the many objects at least one fills each field.
func TestBothFormsOfObjectsSayTheSame(t *testing.T) {
	for _, pair := range pairs {
		t.Run(reflect.TypeOf(pair.official).Elem().String(), func(t *testing.T) {
			c := comparison{filled: map[string]bool{}, ours: reflect.TypeOf(pair.ours).Elem()}
			for seed := range int64(100) {
				object := reflect.New(reflect.TypeOf(pair.official).Elem()).Interface()
				filler(seed).Fill(object)
				binary, err := object.(official).Marshal()
				if err != nil {
					t.Fatal(err)
				}
				text, err := json.Marshal(object)
				if err != nil {
					t.Fatal(err)
				}
				c.compare(t, binary, text)
			}
			_, mutating := pair.official.(*admissionv1.MutatingAdmissionPolicyBinding)
			c.complete(t, func(name string) bool { return mutating && name == "PolicyBinding.Spec.ValidationActions" })
		})
	}
}

// Types of modules that are too large to be needed for a test: testdata has
// random objects of k8s.io/apiextensions-apiserver, kube-aggregator and metrics
// v0.37.2 in both forms, each filled as above.
func TestBothFormsOfRecordedObjectsSayTheSame(t *testing.T) {
	for name, ours := range map[string]any{"CustomResourceDefinition": &objects.CustomResourceDefinition{}, "APIService": &objects.APIService{},
		"NodeMetrics": &objects.NodeMetrics{}, "PodMetrics": &objects.PodMetrics{}} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile("testdata/" + name + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var recorded []struct {
				Protobuf []byte
				Object   json.RawMessage
			}
			if err := json.Unmarshal(data, &recorded); err != nil {
				t.Fatal(err)
			}
			c := comparison{filled: map[string]bool{}, ours: reflect.TypeOf(ours).Elem()}
			for _, r := range recorded {
				c.compare(t, r.Protobuf, r.Object)
			}
			c.complete(t, func(string) bool { return false })
		})
	}
}

// comparison is of many objects of one type.
type comparison struct {
	ours    reflect.Type
	filled  map[string]bool
	decoder protobuf.Decoder
}

func (c *comparison) compare(t *testing.T, binary, text []byte) {
	t.Helper()
	fromBinary, fromText := reflect.New(c.ours).Interface(), reflect.New(c.ours).Interface()
	if err := c.decoder.Unmarshal(binary, fromBinary); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, fromText); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fromText, fromBinary, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("(-JSON +protobuf):\n%s\n%s", diff, text)
	}
	mark(c.filled, c.ours.Name(), reflect.ValueOf(fromBinary).Elem())
}

func (c *comparison) complete(t *testing.T, but func(string) bool) {
	t.Helper()
	for _, name := range unfilled(c.filled, c.ours.Name(), c.ours) {
		if !but(name) {
			t.Errorf("%s was never read", name)
		}
	}
}

// mark notes which fields have a value.
func mark(filled map[string]bool, path string, v reflect.Value) {
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		filled[path] = true
		v = v.Elem()
	}
	if v.IsValid() && !v.IsZero() {
		filled[path] = true
	}
	switch {
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			mark(filled, path, v.Index(i))
		}
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[objects.Time]():
		for i := range v.NumField() {
			mark(filled, path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	}
}

// unfilled lists the fields of a type that nothing filled.
func unfilled(filled map[string]bool, path string, t reflect.Type) []string {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[objects.Time]() || t == reflect.TypeFor[objects.Empty]() {
		if !filled[path] {
			return []string{path}
		}
		return nil
	}
	var out []string
	for i := range t.NumField() {
		out = append(out, unfilled(filled, path+"."+t.Field(i).Name, t.Field(i).Type)...)
	}
	return out
}

func TestNumbersInManifestsAreAmounts(t *testing.T) {
	var c objects.Container
	if err := json.Unmarshal([]byte(`{"resources":{"requests":{"cpu":2,"memory":"1Gi"}}}`), &c); err != nil {
		t.Fatal(err)
	}
	if cpu, memory := c.Resources.Requests["cpu"].Milli(), c.Resources.Requests["memory"].Value(); cpu != 2000 || memory != 1<<30 {
		t.Errorf("%d thousandths, %d bytes", cpu, memory)
	}
	for text, want := range map[objects.Quantity]int64{"100m": 100, "0.5": 500, "3": 3000, "": 0, "much": 0} {
		if got := text.Milli(); got != want {
			t.Errorf("%q is %d thousandths, want %d", text, got, want)
		}
	}
	var budget objects.BudgetSpec
	if err := json.Unmarshal([]byte(`{"minAvailable":1,"maxUnavailable":"50%"}`), &budget); err != nil || *budget.MinAvailable != "1" || *budget.MaxUnavailable != "50%" {
		t.Errorf("%+v, %v", budget, err)
	}
}
