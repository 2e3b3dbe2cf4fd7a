package eks

import (
	"strings"
	"testing"

	"github.com/eks-upgrade-agent/eks-upgrade-agent/test/world/ec2"
)

func TestRecommendedAMIsArePublished(t *testing.T) {
	ids := map[string]bool{}
	for _, name := range images() {
		ids[ec2.ImageID(name)] = true
	}
	for name, want := range map[string]string{
		"/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/standard/recommended/image_id":        "ami-",
		"/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/standard/recommended/release_version": "1.34.8-20260720",
		"/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/arm64/nvidia/recommended/image_name":         "amazon-eks-node-al2023-arm64-nvidia-1.34-v20260720",
		"/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/standard/recommended":                 `{"image_id":"ami-`,
		"/aws/service/eks/optimized-ami/1.32/amazon-linux-2/recommended/release_version":                    "1.32.14-20260720",
		"/aws/service/bottlerocket/aws-k8s-1.35/arm64/latest/image_id":                                      "ami-",
		"/aws/service/bottlerocket/aws-k8s-1.35-nvidia-fips/x86_64/latest/image_version":                    "1.49.0-",
		"/aws/service/ami-windows-latest/Windows_Server-2022-English-Core-EKS_Optimized-1.34/image_id":      "ami-",
		"/aws/service/eks/optimized-ami/1.34/amazon-linux-2/recommended/image_id":                           "", // not any more
		"/aws/service/eks/optimized-ami/1.99/amazon-linux-2023/x86_64/standard/recommended/image_id":        "",
		"/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/arm64/neuron/recommended/image_id":           "",
		"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64":                             "",
	} {
		got, ok := PublicParameter(name)
		if ok != (want != "") || !strings.HasPrefix(got, want) {
			t.Errorf("%s = %q, %v", name, got, ok)
		}
		if want == "ami-" && !ids[got] {
			t.Errorf("%s = %q is no image that there is", name, got)
		}
	}
	n := nodegroupInput("workers")
	release, _ := PublicParameter("/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/standard/recommended/release_version")
	n.ReleaseVersion = &release
	f := withCluster(t, "1.34", Options{})
	f.must(f.CreateNodegroup(f.call, n))
}
